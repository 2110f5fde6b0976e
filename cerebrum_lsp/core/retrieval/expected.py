"""How likely each word is to stand in the next line, by what is known of the place.

A logistic regression on a dozen observations of a word. `word_weights.json` has its coefficients;
`benchmarks.fit_words` learns them from hidden lines of packages that no measure uses.
"""

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from math import exp, sqrt

from cerebrum_lsp.core.index import Index, Place
from cerebrum_lsp.core.retrieval.rank import read_weights
from cerebrum_lsp.core.retrieval.situation import Situation

BIAS = "bias"


@cache
def word_weights() -> Mapping[str, float]:
    """Return what each observation of a word is worth, and the bias."""
    return read_weights("word_weights.json")


class Expected:
    """The probabilities of words at one place."""

    def __init__(
        self,
        situation: Situation,
        words: Mapping[str, Mapping[str, float]],
        likely: Mapping[str, float],
    ) -> None:
        self._situation = situation
        self._observed: Mapping[str, Mapping[str, float]] = {
            **words,
            "defined": {name: sqrt(value) for name, value in likely.items()},
            **_imported(situation),
        }
        weights = word_weights()
        self._evidence: dict[str, float] = defaultdict(lambda: weights[BIAS])
        for signal, values in self._observed.items():
            worth = weights.get(signal, 0.0)
            for word, value in values.items():
                self._evidence[word] += worth * value
        self._used, self._used_as_member = weights["used"], weights["used_as_member"]

    def probability(self, word: str) -> float:
        """Return how likely the next line is to hold a word, from 0 to 1."""
        odds = self._evidence[word]
        if word in self._situation.counts:
            odds += self._used
        if word in self._situation.attribute_counts:
            odds += self._used_as_member
        return 1 / (1 + exp(-odds))

    def observations(self, word: str) -> dict[str, float]:
        """Return what is known of a word, by name, as numbers of about 0 to 1."""
        seen = {name: values[word] for name, values in self._observed.items() if word in values}
        seen["used"] = float(word in self._situation.counts)
        seen["used_as_member"] = float(word in self._situation.attribute_counts)
        return seen


def _imported(situation: Situation) -> dict[str, dict[str, float]]:
    names = {each.local_name.rpartition(".")[2] for each in situation.imports if each.local_name}
    unused = names - situation.counts.keys()
    return {"imported": dict.fromkeys(names, 1.0), "imported_unused": dict.fromkeys(unused, 1.0)}


def likely_names(index: Index, scores: Mapping[Place, float]) -> dict[str, float]:
    """Return how likely each definition's name is next: a softmax over the candidates' scores."""
    best = max(scores.values(), default=0.0)
    odds = {place: exp(value - best) for place, value in scores.items()}
    total = sum(odds.values())
    found: dict[str, float] = {}
    for place, value in odds.items():
        name = index.definition(place).name
        found[name] = found.get(name, 0.0) + value / total
    return found

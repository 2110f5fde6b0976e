"""The order of the candidates: a weighted sum of their signals."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from cerebrum_lsp.core.index import Place
from cerebrum_lsp.core.retrieval.found import Signals


@cache
def weights() -> Mapping[str, float]:
    """Return what each signal is worth, learned by a softmax over each task's candidates.

    `benchmarks.fit_weights` does it, on packages that no measure uses, a fifth of the tasks with
    their imports hidden; the signals of the session (edited, visited, open) are set by hand.
    """
    return read_weights("weights.json")


def read_weights(name: str) -> dict[str, float]:
    """Return the weights of one of this folder's files, which also says how they were fitted."""
    text = (files("cerebrum_lsp.core.retrieval") / name).read_text(encoding="utf-8")
    return {signal: float(value) for signal, value in json.loads(text)["weights"].items()}


def scores_of(candidates: Mapping[Place, Signals]) -> dict[Place, float]:
    """Return each candidate's score: the logarithm of its likelihood, up to a constant."""
    worth = weights()
    return {
        place: sum([worth.get(signal, 0.0) * value for signal, value in signals.items()])
        for place, signals in candidates.items()
    }


def rank(scores: Mapping[Place, float]) -> list[Place]:
    """Return the candidates, the best first; equals in the order of their places."""
    return sorted(scores, key=lambda place: (-scores[place], place))

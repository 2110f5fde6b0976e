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
    folder = files("cerebrum_lsp.core.retrieval")
    text = (folder / "weights.json").read_text(encoding="utf-8")
    return {signal: float(value) for signal, value in json.loads(text).items()}


def score(signals: Signals) -> float:
    """Return a candidate's score: the logarithm of its likelihood, up to a constant."""
    worth = weights()
    return sum(worth.get(signal, 0.0) * value for signal, value in signals.items())


def rank(candidates: Mapping[Place, Signals]) -> list[Place]:
    """Return the candidates, the best first; equals in the order of their places."""
    scores = {place: score(signals) for place, signals in candidates.items()}
    return sorted(scores, key=lambda place: (-scores[place], place))

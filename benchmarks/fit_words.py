"""Fits how likely a word is to stand in the next line, on packages that no measure uses.

    python -m benchmarks.fit_words asyncio email click pydantic …   [--write] [--hold-out 0.25]

Tasks are made of the packages as `benchmarks.hidden_lines` makes them. Each word that stands on a
line which retrieval may show, and not in the prompt's own window, is one example: does the hidden
line hold it? A logistic regression over what `Expected` observes of the word, by gradient descent.
Whole packages are held out; the figure is the mean negative logarithm of the likelihood, for each
word that the hidden lines hold, and beside the new weights stand the present ones. `--write`
replaces `word_weights.json`.
"""

import argparse
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.fit_weights import write_weights
from benchmarks.hidden_lines import Module, read_package, tasks_of
from cerebrum_lsp.core.index import Index, Place
from cerebrum_lsp.core.retrieval.candidates import candidates_of
from cerebrum_lsp.core.retrieval.expected import BIAS, Expected, likely_names, word_weights
from cerebrum_lsp.core.retrieval.likeness import Window
from cerebrum_lsp.core.retrieval.own import own_lines
from cerebrum_lsp.core.retrieval.rank import rank, scores_of
from cerebrum_lsp.core.retrieval.select import offered_lines
from cerebrum_lsp.core.retrieval.selection import Selection
from cerebrum_lsp.core.retrieval.situation import WORD, Situation, situation_of

RANKED = 100
STEPS = 400
RATE, MOMENTUM, DECAY = 0.05, 0.9, 0.999
SEED = 20

Vector = NDArray[np.float64]


class Example(NamedTuple):
    """A word that could be shown: what is known of it, and whether the hidden line holds it."""

    package: str
    observed: Mapping[str, float]
    is_next: bool


def examples_of(package: str) -> Iterator[Example]:
    """Yield the examples of a package."""
    modules = read_package(package)
    index = Index()
    for module in modules.values():
        index.update(module.path, module.text)
    for task in tasks_of(package, modules):
        before = lines_before(modules[str(task["file"])], int(str(task["line"])))
        situation = situation_of(index, str(task["file"]), before)
        candidates = candidates_of(index, situation)
        windows = candidates.likeness.windows
        scores = scores_of(candidates.signals)
        expected = Expected(situation, candidates.words, likely_names(index, scores))
        ranked = rank(scores)[:RANKED]
        hidden = set(WORD.findall(str(task["gt_line"])))
        for word in sorted(words_offered(index, situation, ranked, windows)):
            yield Example(package, expected.observations(word), word in hidden)


def lines_before(module: Module, line: int) -> str:
    """Return the text before a 1-based line."""
    return "".join(module.text.splitlines(keepends=True)[: line - 1])


def words_offered(
    index: Index, situation: Situation, ranked: Sequence[Place], windows: Sequence[Window]
) -> set[str]:
    """Return the words that the selection chooses among."""
    own = own_lines(situation)
    selection = Selection(index, own, left_chars=0)
    found: set[str] = set()
    for path, numbers in offered_lines(selection, ranked, windows):
        lines = selection.lines_of(path)
        for number in numbers:
            found.update(WORD.findall(lines[number - 1]) if number <= len(lines) else ())
    return found - own.shown_words


def table_of(examples: Sequence[Example], names: Sequence[str]) -> Vector:
    """Return examples as numbers, a row for each; the last column is the bias."""
    column = {name: number for number, name in enumerate(names)}
    values = np.zeros((len(examples), len(names) + 1))
    values[:, -1] = 1.0
    for row, example in enumerate(examples):
        for name, value in example.observed.items():
            if name in column:
                values[row, column[name]] = value
    return values


def fit(values: Vector, is_next: Vector) -> Vector:
    """Return the weights under which the hidden lines' words are likeliest, by Adam."""
    weights = np.zeros(values.shape[1])
    first, second = np.zeros_like(weights), np.zeros_like(weights)
    spread = np.append(values[:, :-1].std(axis=0) + 1e-9, 1.0)
    scaled = values / spread
    weights[-1] = np.log(is_next.mean() / (1 - is_next.mean()))
    for step in range(1, STEPS + 1):
        gradient = scaled.T @ (odds_to_share(scaled @ weights) - is_next) / len(is_next)
        first = MOMENTUM * first + (1 - MOMENTUM) * gradient
        second = DECAY * second + (1 - DECAY) * gradient**2
        step_size = RATE * first / (1 - MOMENTUM**step)
        weights -= step_size / (np.sqrt(second / (1 - DECAY**step)) + 1e-8)
    found: Vector = weights / spread
    return found


def odds_to_share(odds: Vector) -> Vector:
    """Return the probability that the logarithm of odds means."""
    share: Vector = 1 / (1 + np.exp(-odds))
    return share


def surprise(values: Vector, is_next: Vector, weights: Vector) -> float:
    """Return the mean negative logarithm of the likelihood, for each word that came."""
    share = odds_to_share(values @ weights)
    likelihood = is_next * np.log(share) + (1 - is_next) * np.log(1 - share)
    return float(-likelihood.sum() / is_next.sum())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("packages", nargs="+", help="importable packages, at least four")
    parser.add_argument("--hold-out", type=float, default=0.25, help="share of the packages")
    parser.add_argument("--write", action="store_true", help="replace word_weights.json")
    arguments = parser.parse_args()
    packages = sorted(set(arguments.packages))
    random.Random(SEED).shuffle(packages)  # noqa: S311 - a sample, not a secret
    held_out = set(packages[: max(1, round(len(packages) * arguments.hold_out))])
    examples = [example for package in packages for example in examples_of(package)]
    names = sorted({name for example in examples for name in example.observed})
    values = table_of(examples, names)
    is_next = np.array([example.is_next for example in examples], dtype=float)
    is_seen = np.array([example.package not in held_out for example in examples])
    found = fit(values[is_seen], is_next[is_seen])
    present = np.array([word_weights().get(name, 0.0) for name in [*names, BIAS]])
    print(f"{is_seen.sum()} words of {len(packages) - len(held_out)} packages, {held_out} held out")
    for label, weights in (("new", found), ("present", present)):
        fitted = surprise(values[is_seen], is_next[is_seen], weights)
        carried = surprise(values[~is_seen], is_next[~is_seen], weights)
        print(f"{label:8} surprise {fitted:.3f}, held out {carried:.3f}")
    if arguments.write:
        new = zip([*names, BIAS], [round(float(each), 2) for each in found], strict=True)
        write_weights("word_weights.json", "fit_words", arguments.packages, dict(new))


if __name__ == "__main__":
    main()

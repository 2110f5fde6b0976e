"""Fits what each signal of retrieval is worth, on packages that no measure uses.

    python -m benchmarks.fit_weights asyncio email click pydantic …   [--write] [--hold-out 0.25]

Tasks are made of the packages as `benchmarks.hidden_lines` makes them: a line is hidden that uses a
definition of another file. Each task is one choice among its candidates, and the weights are those
under which the right ones are likeliest (a softmax over each task's candidates, by gradient
descent; Cao et al. 2007 call it ListNet's top-one form). A fifth of the tasks is seen a second time
with its imports hidden. Whole packages are held out, and say how well it carries over: beside the
new weights stand the present ones. The signals of the session (edited, visited, open) can't be
learned from files at rest and keep their weights. `--write` replaces `weights.json`, which says by
which command and on which packages it was made.
"""

import argparse
import json
import platform
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.hidden_lines import Module, read_package, tasks_of
from cerebrum_lsp.core.index import Index
from cerebrum_lsp.core.retrieval.candidates import candidates_of
from cerebrum_lsp.core.retrieval.rank import weights as present_weights
from cerebrum_lsp.core.retrieval.situation import situation_of

FOLDER = Path(__file__).parents[1] / "cerebrum_lsp" / "core" / "retrieval"
BY_HAND = ("edited", "visited", "open")
MASKED_SHARE = 0.2
STEPS = 300
RATE, MOMENTUM, DECAY = 0.3, 0.9, 0.999
RIDGE = 1e-3
SEED = 20

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Choice:
    """One task: the signals of its candidates, and which of them are right."""

    package: str
    signals: Sequence[Mapping[str, float]]
    is_right: Sequence[bool]


@dataclass(frozen=True)
class Table:
    """Choices as numbers: a row for each candidate, `begins` says where each choice begins."""

    values: Vector
    is_right: Vector
    begins: NDArray[np.int64]
    owner: NDArray[np.int64]


def choices_of(package: str, chance: random.Random) -> Iterator[Choice]:
    """Yield the choices of a package."""
    modules = read_package(package)
    index = Index()
    for module in modules.values():
        index.update(module.path, module.text)
    for task in tasks_of(package, modules):
        yield from choice_of(index, package, modules, task, is_masked=False)
        if chance.random() < MASKED_SHARE:
            yield from choice_of(index, package, modules, task, is_masked=True)


def choice_of(
    index: Index, package: str, modules: dict[str, Module], task: dict[str, Any], *, is_masked: bool
) -> Iterator[Choice]:
    """Yield the choice of a task, unless nothing right is among its candidates."""
    module = modules[task["file"]]
    lines = module.text.splitlines(keepends=True)[: task["line"] - 1]
    if is_masked:
        names = {symbol for symbol in task["symbols"] if not symbol.startswith(".")}
        lines = [
            "\n" if number in module.import_lines and any(name in line for name in names) else line
            for number, line in enumerate(lines, 1)
        ]
    found = candidates_of(index, situation_of(index, module.path, "".join(lines)))
    right = {
        (gold["file"], head) for gold in task["golds"] for head in (gold["head"], *gold["init"])
    }
    is_right = [(place.path, index.definition(place).head_line) in right for place in found.signals]
    if any(is_right):
        yield Choice(package, [dict(each) for each in found.signals.values()], is_right)


def table_of(choices: Sequence[Choice], names: Sequence[str]) -> Table:
    """Return choices as numbers."""
    column = {name: number for number, name in enumerate(names)}
    counts = [len(choice.signals) for choice in choices]
    values = np.zeros((sum(counts), len(names)))
    row = 0
    for choice in choices:
        for signals in choice.signals:
            for name, value in signals.items():
                if name in column:
                    values[row, column[name]] = value
            row += 1
    is_right = np.array([right for choice in choices for right in choice.is_right], dtype=float)
    begins = np.concatenate([[0], np.cumsum(counts)[:-1]])
    return Table(values, is_right, begins, np.repeat(np.arange(len(choices)), counts))


def fit(table: Table) -> Vector:
    """Return the weights under which the right candidates are likeliest, by Adam."""
    weights = np.zeros(table.values.shape[1])
    first, second = np.zeros_like(weights), np.zeros_like(weights)
    for step in range(1, STEPS + 1):
        gradient = slope(table, weights) + RIDGE * weights
        first = MOMENTUM * first + (1 - MOMENTUM) * gradient
        second = DECAY * second + (1 - DECAY) * gradient**2
        rate = RATE if step < 0.7 * STEPS else RATE / 3
        scaled = first / (1 - MOMENTUM**step)
        weights -= rate * scaled / (np.sqrt(second / (1 - DECAY**step)) + 1e-8)
    return weights


def slope(table: Table, weights: Vector) -> Vector:
    """Return the gradient of the mean negative logarithm of the right ones' likelihood."""
    scores = table.values @ weights
    best = np.maximum.reduceat(scores, table.begins)
    odds = np.exp(scores - best[table.owner])
    total = np.add.reduceat(odds, table.begins)
    right = np.add.reduceat(odds * table.is_right, table.begins)
    surplus = odds / total[table.owner] - odds * table.is_right / right[table.owner]
    gradient: Vector = table.values.T @ surplus / len(table.begins)
    return gradient


def write_weights(
    name: str, module: str, packages: Sequence[str], weights: Mapping[str, float]
) -> None:
    """Replace a file of weights, with a line on how they were made: nobody can ask it later."""
    made = {
        "command": f"python -m benchmarks.{module} {' '.join(packages)} --write",
        "versions": {package: version_of(package) for package in sorted(packages)},
        "weights": weights,
    }
    (FOLDER / name).write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")


def version_of(package: str) -> str:
    """Return a package's version; the standard library has Python's."""
    if package in sys.stdlib_module_names:
        return f"Python {platform.python_version()}"
    distributions = packages_distributions().get(package, [package])
    return version(distributions[0])


def mean_reciprocal_rank(choices: Sequence[Choice], weights: Mapping[str, float]) -> float:
    """Return how far up the first right candidate stands, 1 for always first."""
    ranks = []
    for choice in choices:
        scores = [
            sum(weights.get(name, 0.0) * value for name, value in signals.items())
            for signals in choice.signals
        ]
        best = max(s for s, right in zip(scores, choice.is_right, strict=True) if right)
        ranks.append(1 + sum(score > best for score in scores))
    return float(np.mean([1 / rank for rank in ranks]))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("packages", nargs="+", help="importable packages, at least four")
    parser.add_argument("--hold-out", type=float, default=0.25, help="share of the packages")
    parser.add_argument("--write", action="store_true", help="replace weights.json")
    arguments = parser.parse_args()
    chance = random.Random(SEED)  # noqa: S311 - a sample, not a secret
    packages = sorted(set(arguments.packages))
    chance.shuffle(packages)
    held_out = set(packages[: max(1, round(len(packages) * arguments.hold_out))])
    choices = [choice for package in packages for choice in choices_of(package, chance)]
    seen = [choice for choice in choices if choice.package not in held_out]
    unseen = [choice for choice in choices if choice.package in held_out]
    names = sorted({name for choice in seen for each in choice.signals for name in each})
    found = fit(table_of(seen, names))
    new = {name: round(float(value), 2) for name, value in zip(names, found, strict=True)}
    new |= {name: present_weights()[name] for name in BY_HAND}
    print(f"{len(seen)} choices of {len(packages) - len(held_out)} packages, held out: {held_out}")
    for label, each in (("new", new), ("present", present_weights())):
        fitted, carried = mean_reciprocal_rank(seen, each), mean_reciprocal_rank(unseen, each)
        print(f"{label:8} mean reciprocal rank {fitted:.3f}, held out {carried:.3f}")
    if arguments.write:
        write_weights("weights.json", "fit_weights", arguments.packages, dict(sorted(new.items())))


if __name__ == "__main__":
    main()

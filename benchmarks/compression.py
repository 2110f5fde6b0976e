"""The prompt pipeline: the seeds' case, its time by size, and tasks from the standard library.

    python -m benchmarks.compression            tables beside their limits
    python -m benchmarks.compression --tasks N  how many standard-library tasks (default 300)

Exit status 1 when a limit is missed. Times are CPU times of one process, after the first call,
which loads the grammar; parsing alone is measured beside them in the same run.
"""

import argparse
import ast
import random
import statistics
import sys
import sysconfig
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from orchestrator.retrieval.instruction import Source
from orchestrator.retrieval.pipeline import Kept, prepare_prompt, shorten
from orchestrator.retrieval.syntax import parse

SEED = Path(__file__).parents[1] / "tests" / "golden" / "compress" / "seed.toml"
SIZES_KB = (2, 4, 8, 16, 32, 64)
LIMIT_MS_AT_8_KB = 5.0
MIN_SEED_SAVING = 0.62
MIN_TARGETS, MIN_HEADS, MIN_REDUCTION = 0.995, 0.99, 0.85
RUNS = 60
WORDINGS = (
    "Refactor {} to async/await",
    "Explain what {} does",
    "Add type annotations to {}",
    "Please rewrite `{}` with better error handling",
    "Write tests for the {} function",
)
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Task(NamedTuple):
    """An instruction on one function of a file, and the lines that the answer must show."""

    instruction: str
    text: str
    target: tuple[int, ...]
    heads: tuple[int, ...]


def seed_prompt() -> str:
    table = tomllib.loads(SEED.read_text(encoding="utf-8"))
    block = table["block"].lstrip("\n")
    return f"# INSTRUCTION: {table['instruction']}\n\n{block * table['repeats']}"


def cpu_ms(action: Callable[[], object]) -> list[float]:
    taken = []
    for _ in range(RUNS):
        begun = time.process_time()
        action()
        taken.append((time.process_time() - begun) * 1000)
    return sorted(taken)


def p95(ordered: list[float]) -> float:
    return ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]


def report_seed(console: Console) -> bool:
    report = prepare_prompt(seed_prompt(), "python").report
    saving = 1 - report.chars_out / report.chars_in
    console.print(
        f"seed's case: {report.chars_in} → {report.chars_out} characters ({saving:.0%} smaller, "
        f"at least {MIN_SEED_SAVING:.0%}), {report.chunks} blocks → {report.unique} unique → "
        f"{report.selected} selected"
    )
    return saving >= MIN_SEED_SAVING and (report.chunks, report.unique) == (10, 2)


def report_times(console: Console) -> bool:
    source = Path(argparse.__file__).read_text(encoding="utf-8")
    table = Table("prompt", "p50 ms", "p95 ms", "parsing alone, p50 ms", title="time by size")
    within = True
    for size_kb in SIZES_KB:
        code = source[: size_kb * 1000]
        prompt = f"# Refactor add_argument to async\n{code}"
        ours = cpu_ms(lambda prompt=prompt: prepare_prompt(prompt, "python"))  # type: ignore[misc]
        alone = cpu_ms(lambda code=code: parse(code.encode(), "python"))  # type: ignore[misc]
        figures = statistics.median(ours), p95(ours), statistics.median(alone)
        table.add_row(f"{size_kb} kB", *(f"{each:.2f}" for each in figures))
        within = within and (size_kb > 8 or figures[0] <= LIMIT_MS_AT_8_KB)
    console.print(table)
    return within


def functions(node: ast.AST, owner: str | None = None) -> Iterator[tuple[str | None, Function]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield from functions(child, child.name)
        elif isinstance(child, Function):
            yield owner, child


def head_lines(
    found: list[tuple[str | None, Function]], owner: str | None, function: Function
) -> tuple[int, ...]:
    """Return the lines of the heads that `self.f()` and `f()` within a function lead to."""
    called = set()
    for node in ast.walk(function):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name)):
                called.add((owner, name))
            case ast.Call(func=ast.Name(id=name)):
                called.add((None, name))
    lines = {each.lineno for place, each in found if (place, each.name) in called}
    return tuple(sorted(lines - {function.lineno}))


def tasks_of(text: str, chance: random.Random) -> Iterator[Task]:
    """Return up to three tasks of a file; a name that means more than the budget holds is none."""
    lines = text.split("\n")
    found = list(functions(ast.parse(text)))
    for owner, function in chance.sample(found, min(3, len(found))):
        last = function.end_lineno or function.lineno
        alike = [each for _, each in found if each.name == function.name]
        size = sum(len("\n".join(lines[e.lineno - 1 : e.end_lineno])) for e in alike)
        if last - function.lineno < 3 or size > 7500:
            continue
        target = tuple(n for n in range(function.lineno, last + 1) if lines[n - 1].strip())
        instruction = chance.choice(WORDINGS).format(function.name)
        yield Task(instruction, text, target, head_lines(found, owner, function))


def library_tasks(count: int) -> list[Task]:
    chance = random.Random(20_26)  # noqa: S311 - the same tasks each time
    root = Path(sysconfig.get_path("stdlib"))
    left_out = {"test", "tests", "site-packages", "lib2to3", "idlelib"}
    files = [file for file in sorted(root.rglob("*.py")) if not left_out & {*file.parts}]
    chance.shuffle(files)
    tasks: list[Task] = []
    for file in files:
        text = file.read_bytes().decode(errors="replace").replace("\r\n", "\n")
        if 3000 < len(text) < 120_000 and "\f" not in text and "\ufffd" not in text:
            tasks += tasks_of(text, chance)
        if len(tasks) >= count:
            break
    return tasks[:count]


def shown_and_size(task: Task) -> tuple[set[int], int]:
    result = shorten(task.instruction, [Source(task.text, "python")])
    if isinstance(result, Kept):
        return set(range(1, task.text.count("\n") + 2)), len(task.text)
    pieces = [piece for excerpt in result.excerpts for piece in excerpt.pieces()]
    return {n for piece in pieces for n in piece.lines}, sum(len(each.text) for each in pieces)


def report_library(console: Console, count: int) -> bool:
    complete, heads, reductions = [], [], []
    for task in library_tasks(count):
        shown, size = shown_and_size(task)
        complete.append(shown >= {*task.target})
        if task.heads:
            heads.append(len(shown & {*task.heads}) / len(task.heads))
        reductions.append(1 - size / len(task.text))
    figures = statistics.mean(complete), statistics.mean(heads), statistics.median(reductions)
    console.print(
        f"standard library, {len(complete)} tasks: targets complete {figures[0]:.3f}, heads of "
        f"callees {figures[1]:.3f} ({len(heads)} tasks), reduction {figures[2]:.3f} (median)"
    )
    return figures[0] >= MIN_TARGETS and figures[1] >= MIN_HEADS and figures[2] >= MIN_REDUCTION


def main() -> None:
    """Measure, print, and say by the exit status whether all limits are kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=300, help="tasks from the standard library")
    arguments = parser.parse_args()
    console = Console()
    kept = [
        report_seed(console),
        report_times(console),
        report_library(console, arguments.tasks),
    ]
    sys.exit(0 if all(kept) else 1)


if __name__ == "__main__":
    main()

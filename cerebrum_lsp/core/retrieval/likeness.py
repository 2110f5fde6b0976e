"""What was written after lines that resemble the last ones, here and in other files.

The words of the last lines vote for the lines after which they stand elsewhere, rare words more
than common ones; the words of the lines with most votes are likely next.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from math import log
from typing import NamedTuple

from cerebrum_lsp.core.index import Index
from cerebrum_lsp.core.index.modules import nearest
from cerebrum_lsp.core.index.source import WORD, word_rows
from cerebrum_lsp.core.retrieval.situation import Situation

LAST_LINES = 5
LINE_FADES = 0.75
"""What a line's words are worth beside those of the line after it."""
REACH_ROWS = 3
"""How far after a resembling line its continuation is looked for."""
ROW_FADES = 0.6
COMMON_ROWS = 150
"""A word on more lines than these says nothing."""
WINDOWS = 24
TEXT_CHARS = 1_500_000
"""How much text is looked at, the nearest files first."""
OWN_LINES = 800

Rows = Mapping[str, Sequence[int]]


class Window(NamedTuple):
    """Lines (1-based) that stand after lines like the last ones; `votes` from 0 to 1."""

    path: str
    first_line: int
    last_line: int
    votes: float


@dataclass(frozen=True)
class Likeness:
    """The words that are likely next, by signal, and where they were found, the best first."""

    words: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    windows: Sequence[Window] = ()
    looked_at: Sequence[str] = ()
    """The files that were looked through."""


def likeness_of(index: Index, situation: Situation) -> Likeness:
    """Look for lines that resemble the last ones."""
    weights = _weights(situation)
    if not weights:
        return Likeness()
    total = sum(weights.values())
    skipped = max(0, len(situation.lines) - OWN_LINES)
    own_lines = situation.lines[skipped:]
    paths = list(_near_paths(index, situation))
    others = [index.sources[path] for path in paths]
    elsewhere = _best(_vote(weights, [source.word_rows for source in others]), total)
    here = _best(_vote(weights, [word_rows(own_lines[:-1])]), total)
    windows = [_window(paths[file], row, votes) for file, row, votes in elsewhere]
    windows += [_window(situation.path, row + skipped, votes) for _, row, votes in here]
    return Likeness(
        {
            "like": _words(elsewhere, [source.lines for source in others]),
            "like_here": _words(here, [own_lines]),
        },
        sorted(windows, key=lambda window: -window.votes),
        paths,
    )


def _window(path: str, row: int, votes: float) -> Window:
    """Return the likely line, one before it and one after it."""
    return Window(path, max(1, row), row + 2, votes)


def _near_paths(index: Index, situation: Situation) -> Iterable[str]:
    chars = 0
    for path in nearest(situation.path, index.sources):
        source = index.sources[path]
        if path == situation.path or source.text is None:
            continue
        if source.outline.language != situation.language:
            continue
        chars += len(source.text)
        if chars > TEXT_CHARS:
            return
        yield path


def _weights(situation: Situation) -> dict[str, float]:
    """Return the words of the last lines, worth less the further they stand from the cursor."""
    weights: dict[str, float] = {}
    last = [line for line in situation.lines[-12:] if line.strip()][-LAST_LINES:]
    for steps, line in enumerate(reversed(last)):
        for word in WORD.findall(line):
            weights.setdefault(word, LINE_FADES**steps)
    return weights


def _vote(weights: Mapping[str, float], files: Sequence[Rows]) -> dict[tuple[int, int], float]:
    """Return the votes for (file, row): the rows after those that hold the words."""
    votes: dict[tuple[int, int], float] = defaultdict(float)
    for word, weight in weights.items():
        held = [(number, rows[word]) for number, rows in enumerate(files) if word in rows]
        count = sum(len(rows) for _, rows in held)
        if not count or count > COMMON_ROWS:
            continue
        rarity = weight * (1 - log(count) / log(COMMON_ROWS * 4))
        for number, rows in held:
            for row in rows:
                value = rarity
                for after in range(1, REACH_ROWS + 1):
                    votes[number, row + after] += value
                    value *= ROW_FADES
    return votes


def _best(votes: Mapping[tuple[int, int], float], total: float) -> list[tuple[int, int, float]]:
    """Return the rows with most votes as (file, row, share of all votes)."""
    best = nlargest(WINDOWS, votes.items(), key=lambda each: each[1])
    return [(file, row, min(1.0, value / total)) for (file, row), value in best]


def _words(
    best: Iterable[tuple[int, int, float]], files: Sequence[Sequence[str]]
) -> dict[str, float]:
    found: dict[str, float] = {}
    for file, row, value in best:
        if row < len(files[file]):
            for word in WORD.findall(files[file][row]):
                found.setdefault(word, value)
    return found

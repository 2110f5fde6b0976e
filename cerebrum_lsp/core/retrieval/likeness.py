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
from cerebrum_lsp.core.index.source import WORD
from cerebrum_lsp.core.retrieval.situation import WORD as NAME
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
ROW_BITS = 24

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
    here = _best(_vote(weights, [rows_of(weights, own_lines[:-1])]), total)
    windows = [_window(paths[file], row, votes) for file, row, votes in elsewhere]
    windows += [_window(situation.path, row + skipped, votes) for _, row, votes in here]
    return Likeness(
        {
            **_words("like", elsewhere, [source.lines for source in others]),
            **_words("like_here", here, [own_lines]),
        },
        sorted(windows, key=lambda window: -window.votes),
        paths,
    )


def rows_of(words: Iterable[str], lines: Sequence[str]) -> dict[str, Sequence[int]]:
    """Return the rows of a few words; to look at every word takes three times as long."""
    text = "\n".join(lines)
    found: dict[str, Sequence[int]] = {}
    for word in words:
        rows: list[int] = []
        row, counted, at = 0, 0, text.find(word)
        while at >= 0:
            end = at + len(word)
            if not (_goes_on(text[at - 1 : at]) or _goes_on(text[end : end + 1])):
                row += text.count("\n", counted, at)
                counted = at
                if not rows or rows[-1] != row:
                    rows.append(row)
            at = text.find(word, end)
        if rows:
            found[word] = rows
    return found


def _goes_on(character: str) -> bool:
    return character.isalnum() or character == "_"


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


def _vote(weights: Mapping[str, float], files: Sequence[Rows]) -> dict[int, float]:
    """Return the votes for the rows after those that hold the words, by `_key`."""
    votes: dict[int, float] = defaultdict(float)
    for word, weight in weights.items():
        held = [(number, rows[word]) for number, rows in enumerate(files) if word in rows]
        count = sum([len(rows) for _, rows in held])
        if not count or count > COMMON_ROWS:
            continue
        rarity = weight * (1 - log(count) / log(COMMON_ROWS * 4))
        values = [(after + 1, rarity * ROW_FADES**after) for after in range(REACH_ROWS)]
        for number, rows in held:
            for row in rows:
                key = _key(number, row)
                for after, value in values:
                    votes[key + after] += value
    return votes


def _key(file: int, row: int) -> int:
    """Return one number for a file and a row: there are many, and a pair takes twice as long."""
    return file << ROW_BITS | row


def _best(votes: Mapping[int, float], total: float) -> list[tuple[int, int, float]]:
    """Return the rows with most votes as (file, row, share of all votes)."""
    best = nlargest(WINDOWS, votes.items(), key=lambda each: each[1])
    last_row = (1 << ROW_BITS) - 1
    return [(key >> ROW_BITS, key & last_row, min(1.0, value / total)) for key, value in best]


def _words(
    signal: str, best: Sequence[tuple[int, int, float]], files: Sequence[Sequence[str]]
) -> dict[str, Mapping[str, float]]:
    """Return the words of likely lines: by their line's votes, by their share of all, and beside.

    A word that stands on several of them is likelier than one line's votes say, and the lines
    around them say something, too.
    """
    most: dict[str, float] = {}
    share: dict[str, float] = {}
    beside: dict[str, float] = {}
    total = sum(value for _, _, value in best)
    for file, row, value in best:
        lines = files[file]
        if row >= len(lines):
            continue
        for word in set(NAME.findall(lines[row])):
            most.setdefault(word, value)
            share[word] = share.get(word, 0.0) + value / total
        for near in lines[row - 1 : row + 2 : 2]:
            for word in NAME.findall(near):
                beside.setdefault(word, value)
    return {signal: most, f"{signal}_share": share, f"{signal}_beside": beside}

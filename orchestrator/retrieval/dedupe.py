"""Repeated text, recognised by its content. Pure.

A fingerprint of a chunk's first characters (the seeds') fails as soon as boundaries shift: five
copies of a text, cut into blocks of equal size, begin at five different places. So chunks are
compared by pairs of neighbouring lines (shingles; Broder, "On the resemblance and containment of
documents", 1997): one is a repetition when nearly all of its pairs have been seen before, in
whichever chunks.
"""

import re
from collections.abc import Iterable, Sequence

NEARLY_ALL = 0.85
"""Share of a chunk's characters in pairs seen before that makes it a repetition."""

LONG_LINE_CHARS = 200  # such a line is no unit: one changed character would hide its repetition
CLAUSE = re.compile(r"(?<=[;{},.])\s*")


def normalised(text: str) -> list[str]:
    """Return the lines of `text` without blank ones, indentation and double spaces."""
    units: list[str] = []
    for line in text.split("\n"):
        words = " ".join(line.split())
        if len(words) > LONG_LINE_CHARS:
            units.extend(clause for clause in CLAUSE.split(words) if clause)
        elif words:
            units.append(words)
    return units


def distinct(texts: Sequence[str], order: Iterable[int]) -> list[int]:
    """Return the indices of the texts that say something new, in ascending order.

    They are looked at in `order`: of two alike, the one that comes first in it stays.
    """
    seen: set[tuple[str, str]] = set()
    kept = []
    for index in order:
        units = normalised(texts[index])
        pairs = list(zip(units, units[1:] or units, strict=False))
        if not _is_repeated(pairs, seen):
            seen.update(pairs)
            kept.append(index)
    return sorted(kept)


def _is_repeated(pairs: Sequence[tuple[str, str]], seen: set[tuple[str, str]]) -> bool:
    total = repeated = 0
    for pair in pairs:
        chars = len(pair[0]) + len(pair[1])
        total += chars
        repeated += chars if pair in seen else 0
    return repeated >= NEARLY_ALL * total

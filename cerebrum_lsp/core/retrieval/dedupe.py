"""Near-duplicates by content: the share of lines that two texts have in common.

Comparing beginnings finds no repeats once boundaries shift; whole lines are found anywhere.
"""

NEAR = 0.8
"""Jaccard similarity from which two texts count as the same (Broder 1997 speaks of 0.5 to 0.9)."""


def shingles(text: str) -> frozenset[str]:
    """Return a text's lines without the white space around them; blank ones don't count."""
    return frozenset(line for raw in text.split("\n") if (line := raw.strip()))


def similarity(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the Jaccard similarity of two sets of lines."""
    union = len(one | other)
    return len(one & other) / union if union else 1.0


class Seen:
    """The texts taken so far."""

    def __init__(self, near: float = NEAR) -> None:
        self._near = near
        self._taken: list[frozenset[str]] = []

    def add(self, text: str) -> bool:
        """Take a text in; False for one that is nearly the same as one taken before."""
        new = shingles(text)
        if any(similarity(new, old) >= self._near for old in self._taken):
            return False
        self._taken.append(new)
        return True

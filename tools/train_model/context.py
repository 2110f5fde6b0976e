"""Snippets from other files for an example: definitions of names that its window uses."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterable

from tools.train_model.corpus import Source

_DEFINITION = re.compile(r"^[ \t]*(?:async[ \t]+def|def|class)[ \t]+(\w+)", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z_]\w{3,}")
MOST_LINES = 24
#: A name that is defined in more places than this says too little about what is meant.
MOST_PLACES = 4

Snippet = tuple[str, str]


class Definitions:
    """Where each name is defined in a set of files."""

    def __init__(self, sources: Iterable[Source]) -> None:
        found: dict[str, list[tuple[Source, int]]] = defaultdict(list)
        for source in sources:
            for match in _DEFINITION.finditer(source.text):
                found[match.group(1)].append((source, match.start()))
        self._places = {
            name: places
            for name, places in found.items()
            if len(places) <= MOST_PLACES and not name.startswith("__")
        }

    def snippets(self, window: str, count: int, rng: random.Random) -> list[Snippet]:
        """Draw up to ``count`` definitions (path, text) of names in ``window`` but not of it."""
        names = sorted(set(_NAME.findall(window)) & self._places.keys())
        rng.shuffle(names)
        chosen: list[Snippet] = []
        for name in names:
            source, start = rng.choice(self._places[name])
            text = snippet_at(source.text, start, rng.randint(4, MOST_LINES))
            if text[:120] not in window:
                chosen.append((source.path, text))
            if len(chosen) == count:
                break
        return chosen


def snippet_at(text: str, start: int, lines: int) -> str:
    """Return the ``lines`` lines of ``text`` from ``start`` on, line breaks included."""
    end = start
    for _ in range(lines):
        found = text.find("\n", end)
        if found < 0:
            return text[start:]
        end = found + 1
    return text[start:end]

"""The candidates found so far, with their signals; every source notes here what it knows."""

import builtins
from collections import defaultdict
from math import exp

from cerebrum_lsp.core.index import Index, Place
from cerebrum_lsp.core.retrieval.situation import Situation

Signals = dict[str, float]
"""What speaks for a candidate: numbers of about 0 to 1, by name."""

BUILTINS = frozenset(dir(builtins))
FADES_LINES = 6.0
SAME_NAME = 4
"""Of definitions that share a name only so many are looked at: more say nothing."""


class Found:
    """The definitions that may be used next.

    `scope` has the definitions behind each imported name, `local_names` what a definition is called
    here.
    """

    def __init__(self, index: Index, situation: Situation) -> None:
        self.index = index
        self.situation = situation
        self.signals: dict[Place, Signals] = defaultdict(dict)
        self.scope: dict[str, list[Place]] = {}
        self.local_names: dict[Place, str] = {}

    def note(self, place: Place, signal: str, value: float = 1.0) -> None:
        """Note a signal, if it is stronger than what was noted before; never for this file."""
        if place.path == self.situation.path:
            return
        signals = self.signals[place]
        if value > signals.get(signal, 0.0):
            signals[signal] = value

    def note_word(self, word: str, signal: str, value: float) -> None:
        """Note a word for the definitions of that name; it adds only those that are nearly sure."""
        if word in BUILTINS:
            return
        places = self.index.definitions_of(word)
        for place in places:
            if place in self.signals:
                self.note(place, signal, value)
            elif len(places) <= SAME_NAME:
                self.note(place, signal, value / len(places))

    def near(self, name: str) -> float:
        """Return how near a name was used, from 0 to 1."""
        distance = self.situation.distance.get(name)
        return 0.0 if distance is None else exp(-distance / FADES_LINES)

    def name(self, place: Place) -> str:
        """Return what a definition is called here."""
        return self.local_names.get(place) or self.index.definition(place).name

    def elsewhere(self, name: str, *, is_member: bool | None = None) -> list[Place]:
        """Return the definitions of a name in other files: members, or what stands at the top."""
        places = self.index.definitions_of(name)
        return places and [
            place
            for place in places
            if place.path != self.situation.path
            and is_member in (None, self.index.definition(place).parent >= 0)
        ]

"""Whether an offer was taken, recognised from the edits themselves (L10).

What was offered stands in the document afterwards, from where it was offered. Text that came a
character at a time was typed; what came at once was accepted: all of it, lines, or words.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from cerebrum_lsp.core.document import Snapshot

Kind = Literal["whole", "line", "word"]
LEAST_CHARS = 2  # one character may have been typed


@dataclass
class Counts:
    """How many offers were shown, and how often they were taken; counted here and sent nowhere."""

    offered: int = 0
    whole: int = 0
    line: int = 0
    word: int = 0
    characters: int = 0


@dataclass
class Offer:
    """What is shown at a place; so much of it stands in the document already."""

    place: Snapshot
    text: str
    taken: int = 0


@dataclass
class Acceptance:
    """The offers of one client, at most one a document."""

    counts: Counts = field(default_factory=Counts)
    _offers: dict[str, Offer] = field(default_factory=dict)
    _unreported: Counter[str] = field(default_factory=Counter)
    """Acceptances recognised less those that the client reported: each counts once."""

    def on_offer(self, place: Snapshot, text: str) -> None:
        """Take note of what is shown now; the rest of what was shown before is no new offer."""
        before = self._offers.get(place.uri)
        self._offers[place.uri] = Offer(place, text, taken=_common(place.line_after, text))
        if before is None or not _goes_on(before, place, text):
            self.counts.offered += 1

    def on_edit(self, uri: str, lines: Sequence[str]) -> Kind | None:
        """Take in an edit that has made the document `lines`; return what it accepted."""
        offer = self._offers.get(uri)
        if offer is None:
            return None
        standing = _standing(offer, lines)
        if standing is None:
            del self._offers[uri]
            return None
        came, offer.taken = standing - offer.taken, standing
        if came < LEAST_CHARS or _is_within_word(offer.text, standing):
            return None
        kind = _kind(offer.text, standing)
        self.counts.characters += came
        self._unreported[uri] += 1
        if self._unreported[uri] > 0:
            self._count(kind)
        if kind == "whole":
            del self._offers[uri]
        return kind

    def on_report(self, uri: str, kind: Kind) -> None:
        """Take in that the client itself says what was accepted."""
        self._unreported[uri] -= 1
        if self._unreported[uri] < 0:
            self._count(kind)

    def on_close(self, uri: str) -> None:
        """Forget a document."""
        self._offers.pop(uri, None)
        self._unreported.pop(uri, None)

    def _count(self, kind: Kind) -> None:
        setattr(self.counts, kind, getattr(self.counts, kind) + 1)


def _standing(offer: Offer, lines: Sequence[str]) -> int | None:
    """Return how much of the offer stands at its place; None if the place is gone."""
    row = offer.place.cursor.line
    before = offer.place.line_before
    found = "".join(lines[row : row + offer.text.count("\n") + 1])
    if row > len(lines) or not found.startswith(before):
        return None
    return _common(found[len(before) :].replace("\r\n", "\n"), offer.text)


def _common(one: str, other: str) -> int:
    """Return how many characters two texts begin with in common."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _is_within_word(text: str, at: int) -> bool:
    """Whether a word goes on there: editors that send some keystrokes at once get that far."""
    return 0 < at < len(text) and text[at - 1].isalnum() and text[at].isalnum()


def _kind(text: str, standing: int) -> Kind:
    if standing == len(text):
        return "whole"
    at_line_end = text[standing] == "\n" or text[standing - 1] == "\n"
    return "line" if at_line_end else "word"


def _goes_on(before: Offer, place: Snapshot, text: str) -> bool:
    """Whether an offer is the rest of an earlier one, after some of it was typed or taken."""
    start = before.place.prefix
    typed = place.prefix[len(start) :]
    is_along = place.prefix.startswith(start) and before.text.startswith(typed)
    return is_along and (typed + text).startswith(before.text[: len(typed) + 1])

"""When the prompt of the next request is read ahead: in time that nobody needs (L4).

A machine without I/O: each method takes one event and the time, and returns what is to be done.

    seen (the cursor rests somewhere) ──rest──▶ Look ──found──▶ worth it? ──▶ Read ──ended──▶ …
                                                                └─▶ not: nothing, till it is seen
    work begins (a generation of our own), or the cursor is seen elsewhere ──▶ Leave

First the prompt is read as a request would bring it now. When that is done, and the pause has gone
on for about as long as the reading of another one will take, it is read with the excerpts that the
place would rather have: a change of these costs reading anew all that follows them, which is left
to idle time. A pause that has lasted for a while probably lasts as long again.

At most one prompt is looked for or read at a time; one that is known already is not read again; and
a pool that refuses is left alone, for longer each time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from cerebrum_lsp.core.document import Snapshot

REST_S = 0.15
"""How long a cursor has to be in a place: who passes through a text stops for less."""
IN_USE_S = 180.0
"""After the last edit: who only reads for longer than that needs no completions."""
WORTH_CHARS = 200
"""What a request would have to read anew; less than this is read before anybody notices."""
LONGEST_PAUSE_S = 15.0
"""A longer pause than this is not waited for, however slowly a pool reads."""
LEFT_ALONE_S = (2.0, 60.0)
"""A pool that refuses: the first time, doubled each time, and at most."""

Ending = Literal["read", "cut", "refused"]
Step = Literal["nothing", "resting", "looking", "pausing", "reading"]


@dataclass(frozen=True)
class Seen:
    """Where the cursor was seen; `place` returns the text there, None if it is not open any more.

    `is_imminent`: a request for it is about to be sent.
    """

    uri: str
    version: int | None
    line: int
    column: int
    place: Callable[[], Snapshot | None]
    is_imminent: bool = False

    def is_where(self, other: "Seen | None") -> bool:
        """Whether both are the same place of the same text."""
        return other is not None and self._key == other._key

    @property
    def _key(self) -> tuple[str, int | None, int, int]:
        return self.uri, self.version, self.line, self.column


@dataclass(frozen=True)
class Look:
    """Find out what a request there would bring, then say `found`.

    `renews`: with the excerpts that are wanted there now.
    """

    seen: Seen
    renews: bool


@dataclass(frozen=True)
class Read:
    """Have the pool read what was found, then say `ended`."""


@dataclass(frozen=True)
class Leave:
    """Stop looking and reading; nothing of it is reported any more."""


Decision = Look | Read | Leave


class Foresight:
    """The machine of one client: its documents share one pool."""

    def __init__(self) -> None:
        self.step: Step = "nothing"
        self.has_worked = False
        """Whether the pool did as it was asked, the last time."""
        self._seen: Seen | None = None
        self._seen_at = 0.0
        self._renews = False
        self._done: Seen | None = None
        self._due_at: float | None = None
        self._working = 0
        self._edited_at: float | None = None
        self._alone_s = 0.0
        self._left_alone_until = 0.0

    def next_at(self) -> float | None:
        """Return when `tick` is wanted next, None if only events matter."""
        return self._due_at

    def edited(self, now: float) -> None:
        """Take note that something is being written."""
        self._edited_at = now

    def seen(self, seen: Seen, now: float) -> list[Decision]:
        """Take note of where the cursor is."""
        is_known = seen.is_where(self._done if self.step == "nothing" else self._seen)
        if self._working or is_known or not self._is_in_use(now):
            return []
        decisions = self._leave()
        self._seen, self._seen_at, self._renews = seen, now, False
        rest_s = 0.0 if seen.is_imminent else REST_S
        self.step = "resting"
        self._due_at = max(now + rest_s, self._left_alone_until)
        return decisions + self.tick(now)

    def work(self, change: int) -> list[Decision]:
        """Take note that a generation of our own begins (1) or has ended (-1)."""
        self._working += change
        self._done = None
        return self._leave() if change > 0 else []

    def forget(self, uri: str | None = None) -> list[Decision]:
        """Drop everything, or what is about one document."""
        is_meant = uri is None or (self._seen is not None and self._seen.uri == uri)
        return self._leave() if is_meant else []

    def found(self, unread_chars: int, takes_s: float, now: float) -> list[Decision]:
        """Take note of what `Look` was for: so much is not known to be in the cache."""
        if self.step != "looking":
            return []
        if unread_chars < WORTH_CHARS:
            return self._over(now)
        self.step = "pausing"
        pause_s = min(takes_s, LONGEST_PAUSE_S) if self._renews else 0.0
        self._due_at = max(now, self._seen_at + pause_s)
        return self.tick(now)

    def ended(self, ending: Ending, now: float) -> list[Decision]:
        """Take note of how the reading ended: whole, cut by others, or not begun at all."""
        if self.step not in ("looking", "reading"):
            return []
        self.has_worked = ending != "refused"
        if ending == "read":
            self._alone_s = 0.0
            return self._over(now)
        if ending == "refused":
            first_s, most_s = LEFT_ALONE_S
            alone_s = min(most_s, max(first_s, 2 * self._alone_s))
            self._left_alone_until, self._alone_s = now + alone_s, alone_s
        self._leave()
        return []

    def tick(self, now: float) -> list[Decision]:
        """Do what is due by now."""
        if self._due_at is None or now < self._due_at or self._seen is None:
            return []
        self._due_at = None
        if self.step == "resting":
            self.step = "looking"
            return [Look(self._seen, self._renews)]
        self.step = "reading"
        return [Read()]

    def _over(self, now: float) -> list[Decision]:
        """Go on to the excerpts that are wanted there, unless a request or all is done."""
        if self._renews or self._seen is None or self._seen.is_imminent:
            self.step, self._done = "nothing", self._seen
            return []
        self._renews, self.step, self._due_at = True, "resting", now
        return self.tick(now)

    def _leave(self) -> list[Decision]:
        is_busy = self.step in ("looking", "pausing", "reading")
        self.step, self._due_at = "nothing", None
        return [Leave()] if is_busy else []

    def _is_in_use(self, now: float) -> bool:
        return self._edited_at is not None and now - self._edited_at <= IN_USE_S

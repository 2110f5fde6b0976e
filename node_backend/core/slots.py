"""Who computes, who waits: the engine's slots and the queue before them.

An event comes in (`ask`, `leave`), a decision goes out; the caller carries it out. A document
keeps its slot where possible, since that slot's KV cache holds the beginning of its prompt.

    state of a ticket   ask                          leave              a slot becomes free
    unknown             Granted | Queued | Refused   nothing            -
    queued              (an error)                   forgotten          first in the queue: Grant
    active              (an error)                   forgotten, Grant   -
"""

from collections import deque
from dataclasses import dataclass

Ticket = int
Slot = int


@dataclass(frozen=True)
class Granted:
    """The ticket computes on `slot` at once."""

    slot: Slot


@dataclass(frozen=True)
class Queued:
    """The ticket waits; `ahead` others wait before it."""

    ahead: int


@dataclass(frozen=True)
class Refused:
    """The ticket is forgotten."""

    reason: str


@dataclass(frozen=True)
class Grant:
    """A waiting ticket's turn has come."""

    ticket: Ticket
    slot: Slot


class SlotPool:
    """`slots` slots with a first-in, first-out queue of at most `queue_limit` tickets."""

    def __init__(self, slots: int, queue_limit: int) -> None:
        self.slots = slots
        self.queue_limit = queue_limit
        self._active: dict[Ticket, Slot] = {}
        self._queue: deque[tuple[Ticket, str | None]] = deque()
        self._last_key: dict[Slot, str | None] = {}
        self._idle: list[Slot] = list(range(slots))  # the longest idle first

    @property
    def active(self) -> int:
        """Tickets that hold a slot."""
        return len(self._active)

    @property
    def queued(self) -> int:
        """Tickets that wait."""
        return len(self._queue)

    @property
    def is_full(self) -> bool:
        """Whether the next `ask` would be refused."""
        return not self._idle and len(self._queue) >= self.queue_limit

    def ask(self, ticket: Ticket, key: str | None) -> Granted | Queued | Refused:
        """Find a slot for a new ticket; those with the same `key` prefer the same slot."""
        if ticket in self._active or any(ticket == waiting for waiting, _ in self._queue):
            raise ValueError(f"ticket {ticket} is already here")
        if self.is_full:
            return Refused("busy")
        if not self._idle:
            self._queue.append((ticket, key))
            return Queued(ahead=len(self._queue) - 1)
        return Granted(self._take(ticket, key))

    def leave(self, ticket: Ticket) -> Grant | None:
        """Forget a ticket that has ended or given up; return whose turn it is now, if anyone's."""
        slot = self._active.pop(ticket, None)
        if slot is None:
            self._queue = deque(entry for entry in self._queue if entry[0] != ticket)
            return None
        self._idle.append(slot)
        if not self._queue:
            return None
        waiting, key = self._queue.popleft()
        return Grant(waiting, self._take(waiting, key))

    def _take(self, ticket: Ticket, key: str | None) -> Slot:
        slot = self._preferred(key)
        self._idle.remove(slot)
        self._active[ticket] = slot
        self._last_key[slot] = key
        return slot

    def _preferred(self, key: str | None) -> Slot:
        """Return the slot that served `key` last, else one never used, else the longest idle.

        Those without a key are taken for one document: their prompts may begin alike too.
        """
        for slot in reversed(self._idle):
            if slot in self._last_key and self._last_key[slot] == key:
                return slot
        for slot in self._idle:
            if slot not in self._last_key:
                return slot
        return self._idle[0]

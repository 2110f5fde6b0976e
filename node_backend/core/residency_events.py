"""What comes into the decisions about models in memory, and what goes out of them."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from node_backend.core.slots import Slot, Ticket

M = TypeVar("M", bound=Hashable)


@dataclass(frozen=True)
class Moment:
    """When something happens, and what the machine has then."""

    now: float
    free_bytes: int
    """What models may take of the memory that nothing uses."""


@dataclass(frozen=True)
class Wanted(Generic[M]):
    """A model that somebody asks for."""

    model: M
    needs_bytes: int = 0
    """What it takes when it is loaded; decides whether it has room beside others."""
    is_pinned: bool = False
    """Whether it stays, once loaded, for as long as the service."""


@dataclass(frozen=True)
class Waiting(Generic[M]):
    """Who waits for a slot, and for what."""

    ticket: Ticket
    wanted: Wanted[M]
    key: str | None
    since: float
    """When it came, or when its model went, if that was later: till then it was others who waited
    for that one to go."""


@dataclass(frozen=True)
class Grant:
    """The ticket computes on `slot` of its model, which may still be loading."""

    ticket: Ticket
    slot: Slot


@dataclass(frozen=True)
class Load(Generic[M]):
    """Load the model, then say `loaded` or `load_failed`."""

    model: M


@dataclass(frozen=True)
class Unload(Generic[M]):
    """Give the model's memory back, then say `unloaded`."""

    model: M


@dataclass(frozen=True)
class Yield:
    """The spare ticket ends what it does, then leaves."""

    ticket: Ticket


@dataclass(frozen=True)
class Refused:
    """The ticket is forgotten."""

    reason: str


Action = Grant | Load[M] | Unload[M] | Yield

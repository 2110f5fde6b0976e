"""A node around a residency, in simulated time: loading, unloading and computing take a while."""

import heapq
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from node_backend.core.residency import Residency
from node_backend.core.residency_events import (
    Action,
    Grant,
    Load,
    Moment,
    Refused,
    Unload,
    Wanted,
)
from node_backend.core.resident import Limits

UNLOAD_S = 0.5


@dataclass(frozen=True)
class Arrival:
    """A request for a model; it gives up after `patience_s` without a slot."""

    at_s: float
    model: str
    compute_s: float = 1.0
    patience_s: float | None = None


@dataclass
class World:
    """Plays arrivals to their end, and keeps what happened; `waits_s` is for the slot."""

    limits: Limits
    load_s: float = 2.0
    loads: list[str] = field(default_factory=list)
    waits_s: dict[int, float] = field(default_factory=dict)
    gave_up: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    in_memory: set[str] = field(default_factory=set)
    now: float = 0.0

    def __post_init__(self) -> None:
        self.residency: Residency[str] = Residency(self.limits)
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._arrivals: dict[int, Arrival] = {}
        self._ready_at: dict[str, float] = {}

    def play(self, arrivals: Sequence[Arrival]) -> "World":
        """Let everybody come, and time pass until nothing is left to happen within the hour."""
        for ticket, arrival in enumerate(arrivals):
            self._at(arrival.at_s, partial(self._arrive, ticket, arrival))
        ends_at = max(arrival.at_s for arrival in arrivals) + 1000.0
        while True:
            next_at = self._agenda[0][0] if self._agenda else math.inf
            tick_at = self.residency.next_tick(self.now)
            if min(next_at, tick_at) > ends_at:
                return self
            self.now = min(next_at, tick_at)
            if next_at <= tick_at:
                heapq.heappop(self._agenda)[2]()
            else:
                self._carry_out(self.residency.tick(self._moment()))

    def _at(self, at_s: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (at_s, next(self._order), happen))

    def _moment(self) -> Moment:
        return Moment(self.now, free_bytes=1000)

    def _arrive(self, ticket: int, arrival: Arrival) -> None:
        self._arrivals[ticket] = arrival
        match self.residency.ask(ticket, Wanted(arrival.model), None, self._moment()):
            case Refused():
                self.refused.append(ticket)
                return
            case actions:
                self._carry_out(actions)
        if ticket not in self.waits_s and arrival.patience_s is not None:
            self._at(self.now + arrival.patience_s, partial(self._give_up, ticket))

    def _give_up(self, ticket: int) -> None:
        if ticket not in self.waits_s:
            self.gave_up.append(ticket)
            self._carry_out(self.residency.leave(ticket, self._moment()))

    def _carry_out(self, actions: Sequence[Action[str]]) -> None:
        for action in actions:
            match action:
                case Grant(ticket, _):
                    arrival = self._arrivals[ticket]
                    self.waits_s[ticket] = self.now - arrival.at_s
                    begins_at = max(self.now, self._ready_at[arrival.model])
                    self._at(begins_at + arrival.compute_s, partial(self._end, ticket))
                case Load(model):
                    assert len(self.in_memory) < self.limits.models
                    self.in_memory.add(model)
                    self.loads.append(model)
                    self._ready_at[model] = self.now + self.load_s
                    self._at(self.now + self.load_s, partial(self._loaded, model))
                case Unload(model):
                    self._at(self.now + UNLOAD_S, partial(self._unloaded, model))

    def _end(self, ticket: int) -> None:
        self._carry_out(self.residency.leave(ticket, self._moment()))

    def _loaded(self, model: str) -> None:
        self._carry_out(self.residency.loaded(model, self._moment()))

    def _unloaded(self, model: str) -> None:
        self.in_memory.remove(model)
        self._carry_out(self.residency.unloaded(model, self._moment()))

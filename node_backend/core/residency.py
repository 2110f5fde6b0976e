"""Which models are in memory, who computes and who waits.

An event comes in with the moment at which it happens; out go actions, which the caller carries out
and then reports (`loaded`, `load_failed`, `unloaded`). A model passes through these states:

    absent ──Load──▶ loading ──loaded──▶ ready ──┐
       ▲                └──load_failed──▶ failed ┤  (a failed one that is loaded after all is ready)
       └───unloaded─── unloading ◀────Unload─────┘

After each event:

1. Who waits for a model that is in memory, and open, gets an idle slot of it, in order of arrival.
2. Who has waited longest for a model that is not in memory has it loaded:
   a. something is being unloaded: its memory is waited for;
   b. there is room: Load;
   c. a model may go (nobody uses it, it is not loading, not pinned, and has been worth its load):
      Unload the one that was used longest ago;
   d. they have waited long enough: the model that came first of those that could be spared is
      closed. It takes no more requests, so that it falls idle, and then it may go.
3. What has been idle for very long is unloaded.

Between two models that are wanted all the time, 1 and 2d group the requests by model: each serves
whatever comes until somebody has waited for the other one for `longest_wait_s`. And a model stays
for at least as long as it took to load, so that loading never takes more than half of the time.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Generic

from node_backend.core.residency_events import (
    Action,
    Grant,
    Load,
    M,
    Moment,
    Refused,
    Unload,
    Waiting,
    Wanted,
    Yield,
)
from node_backend.core.resident import Limits, Resident
from node_backend.core.slots import Ticket


class Residency(Generic[M]):
    """The models in memory and everybody who wants one.

    A spare ticket uses a slot that nobody needs, on a machine that is idle: it neither waits nor
    counts as use of its model, and is told to yield as soon as any other ticket asks.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._residents: dict[M, Resident] = {}
        self._waiting: dict[Ticket, Waiting[M]] = {}  # in order of arrival
        self._active: dict[Ticket, M] = {}
        self._spare: dict[Ticket, M] = {}

    @property
    def models(self) -> tuple[M, ...]:
        """The models that have memory, in whatever state; the last used is the last."""
        return tuple(sorted(self._residents, key=lambda model: self._residents[model].last_used_at))

    @property
    def active(self) -> int:
        """Tickets that hold a slot."""
        return len(self._active)

    @property
    def queued(self) -> int:
        """Tickets that wait."""
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether the next ticket would be refused, unless it brings luck with its model."""
        is_idle = any(self._has_place(model) for model in self._residents)
        return self._is_queue_full and bool(self._residents) and not is_idle

    def active_on(self, model: M) -> int:
        """Return how many tickets hold a slot of `model`."""
        return sum(each == model for each in self._active.values())

    def ahead_of(self, ticket: Ticket) -> int:
        """Return how many wait that came before a waiting ticket."""
        return list(self._waiting).index(ticket)

    def preload(self, wanted: Wanted[M], at: Moment) -> list[Action[M]]:
        """Load a model that nobody has asked for yet, if there is room."""
        if wanted.model in self._residents or not self._has_room(wanted, at):
            return []
        return [self._load(wanted, at), *self._settle(at)]

    def ask(
        self, ticket: Ticket, wanted: Wanted[M], key: str | None, at: Moment
    ) -> Refused | list[Action[M]]:
        """Take a new ticket in; those with the same `key` prefer the same slot of their model."""
        self._check_new(ticket)
        if self._is_closed_for_good(wanted):
            return Refused("pinned")
        if self._is_queue_full and not self._takes_now(wanted, at):
            return Refused("busy")
        self._waiting[ticket] = Waiting(ticket, wanted, key, at.now)
        return [*(Yield(spare) for spare in self._spare), *self._settle(at)]

    def ask_spare(self, ticket: Ticket, model: M, key: str | None) -> Refused | Grant:
        """Take in a ticket that yields to all others: at once, or not at all."""
        self._check_new(ticket)
        resident = self._residents.get(model)
        is_idle = not self._active and not self._waiting
        if not is_idle or resident is None or resident.state != "ready":
            return Refused("busy")
        slot = resident.slots.take(ticket, key)
        if slot is None:
            return Refused("busy")
        self._spare[ticket] = model
        return Grant(ticket, slot)

    def leave(self, ticket: Ticket, at: Moment) -> list[Action[M]]:
        """Forget a ticket that has ended or given up."""
        self._waiting.pop(ticket, None)
        if (spared := self._spare.pop(ticket, None)) is not None:
            self._residents[spared].slots.free(ticket)
        model = self._active.pop(ticket, None)
        if model is not None:
            resident = self._residents[model]
            resident.slots.free(ticket)
            resident.last_used_at = at.now
        return self._settle(at)

    def loaded(self, model: M, at: Moment) -> list[Action[M]]:
        """Take note that a model is ready; nothing happens where that is known or past."""
        resident = self._residents.get(model)
        if resident is not None and resident.state in ("loading", "failed"):
            resident.become_ready(at.now)
        return self._settle(at)

    def load_failed(self, model: M, at: Moment) -> list[Action[M]]:
        """Take note that a model can't be loaded for now; who holds a slot of it will notice."""
        resident = self._residents.get(model)
        if resident is not None and resident.state == "loading":
            resident.state = "failed"
        return self._settle(at)

    def unloaded(self, model: M, at: Moment) -> list[Action[M]]:
        """Take note that the memory of a model has been given back."""
        del self._residents[model]
        return self._settle(at)

    def clean_up(self, at: Moment) -> list[Action[M]]:
        """Unload at once whatever nobody uses, loads or has pinned."""
        return [self._unload(model, at) for model in self._residents if self._could_go(model)]

    def tick(self, at: Moment) -> list[Action[M]]:
        """Do what only the time has made due."""
        return self._settle(at)

    def next_tick(self, now: float) -> float:
        """Return when `tick` may have something to do; infinite if nothing but an event can."""
        due = [at for at in self._due_times() if at > now]
        return min(due, default=math.inf)

    def _check_new(self, ticket: Ticket) -> None:
        if ticket in self._active or ticket in self._waiting or ticket in self._spare:
            raise ValueError(f"ticket {ticket} is already here")

    def _has_place(self, model: M) -> bool:
        """Whether a slot of a model is idle, or is about to be, and nobody waits for it.

        What a spare ticket holds is about to be.
        """
        waiting = sum(each.wanted.model == model for each in self._waiting.values())
        return self.active_on(model) + waiting < self.limits.slots

    def _settle(self, at: Moment) -> list[Action[M]]:
        actions: list[Action[M]] = []
        while taken := [*self._grant(at), *self._make_room(at)]:
            actions += taken
        return actions + [self._unload(model, at) for model in self._idle_too_long(at.now)]

    def _grant(self, at: Moment) -> Iterator[Grant]:
        closed = self._closed(at)
        for waiting in list(self._waiting.values()):
            model = waiting.wanted.model
            if not self._is_here(model) or model == closed or self._is_made_way_for(waiting):
                continue
            slot = self._residents[model].slots.take(waiting.ticket, waiting.key)
            if slot is not None:
                del self._waiting[waiting.ticket]
                self._active[waiting.ticket] = model
                yield Grant(waiting.ticket, slot)

    def _is_made_way_for(self, waiting: Waiting[M]) -> bool:
        """Whether a spare ticket is about to give back the slot that holds its KV cache."""
        slots = self._residents[waiting.wanted.model].slots
        spare = (each for each, model in self._spare.items() if model == waiting.wanted.model)
        return any(slots.key_of(each) == waiting.key for each in spare)

    def _make_room(self, at: Moment) -> Iterator[Load[M] | Unload[M]]:
        first = self._first_without_memory()
        if first is None or self._is_unloading:
            return
        if self._has_room(first.wanted, at):
            yield self._load(first.wanted, at)
            return
        spare = [model for model in self._residents if self._may_go(model, at.now)]
        if spare:
            longest_unused = min(spare, key=lambda model: self._residents[model].last_used_at)
            yield self._unload(longest_unused, at)

    def _closed(self, at: Moment) -> M | None:
        """Return the model that takes no more requests because somebody has waited long enough."""
        first = self._first_without_memory()
        is_patient = first is None or at.now < first.since + self.limits.longest_wait_s
        if is_patient or self._is_unloading:
            return None
        could_be_spared = [
            model
            for model, each in self._residents.items()
            if each.is_settled and not each.is_pinned and each.stays_until <= at.now
        ]
        return min(
            could_be_spared, key=lambda model: self._residents[model].loaded_at, default=None
        )

    def _first_without_memory(self) -> Waiting[M] | None:
        """Return who has waited longest for a model that is not in memory."""
        without = [each for each in self._waiting.values() if not self._is_here(each.wanted.model)]
        return min(without, key=lambda waiting: waiting.since, default=None)

    def _is_here(self, model: M) -> bool:
        resident = self._residents.get(model)
        return resident is not None and resident.state != "unloading"

    def _has_room(self, wanted: Wanted[M], at: Moment) -> bool:
        """Whether a model may be loaded beside those that are there.

        Where nothing could make more room, the try itself decides, and says what is missing.
        """
        others = self._residents.values()
        if len(others) >= self.limits.models:
            return False
        promised = sum(each.needs_bytes for each in others if each.state == "loading")
        is_fitting = wanted.needs_bytes + promised <= at.free_bytes
        return is_fitting or all(each.is_pinned and each.is_settled for each in others)

    def _is_closed_for_good(self, wanted: Wanted[M]) -> bool:
        pinned = sum(each.is_pinned for each in self._residents.values())
        return wanted.model not in self._residents and pinned >= self.limits.models

    @property
    def _is_queue_full(self) -> bool:
        return len(self._waiting) >= self.limits.queue

    def _takes_now(self, wanted: Wanted[M], at: Moment) -> bool:
        resident = self._residents.get(wanted.model)
        if resident is None:
            is_next = self._first_without_memory() is None and not self._is_unloading
            return is_next and self._has_room(wanted, at)
        is_open = self._is_here(wanted.model) and wanted.model != self._closed(at)
        return is_open and self._has_place(wanted.model)

    @property
    def _is_unloading(self) -> bool:
        return any(each.state == "unloading" for each in self._residents.values())

    def _could_go(self, model: M) -> bool:
        each = self._residents[model]
        return each.is_settled and not each.is_pinned and not each.slots.active

    def _may_go(self, model: M, now: float) -> bool:
        return self._could_go(model) and self._residents[model].stays_until <= now

    def _idle_too_long(self, now: float) -> list[M]:
        return [
            model
            for model, each in self._residents.items()
            if self._could_go(model) and each.last_used_at + self.limits.idle_unload_s <= now
        ]

    def _due_times(self) -> Iterator[float]:
        first = self._first_without_memory()
        if first is not None:
            yield first.since + self.limits.longest_wait_s
        for model, each in self._residents.items():
            if first is not None:
                yield each.stays_until
            if self._could_go(model):
                yield each.last_used_at + self.limits.idle_unload_s

    def _load(self, wanted: Wanted[M], at: Moment) -> Load[M]:
        self._residents[wanted.model] = Resident(
            self.limits.slots, wanted.needs_bytes, is_pinned=wanted.is_pinned, loaded_at=at.now
        )
        return Load(wanted.model)

    def _unload(self, model: M, at: Moment) -> Unload[M]:
        self._residents[model].state = "unloading"
        for ticket, waiting in self._waiting.items():
            if waiting.wanted.model == model:
                self._waiting[ticket] = replace(waiting, since=at.now)
        return Unload(model)

"""Owns the engine and hands out its slots: who may compute, when, and with a loaded model."""

import asyncio
import contextlib
import itertools
import logging
from collections import Counter
from typing import Literal

from cerebrum_kit.logs import event
from node_backend.core.slots import Granted, Queued, Refused, SlotPool
from node_backend.engines.base import Engine
from node_backend.errors import BusyError, EngineFailedError, RefusedError
from node_backend.guard import Guard

Outcome = Literal["completed", "failed", "cancelled", "refused"]
BUSY_RETRY_AFTER_S = 2.0  # a completion's typical length; by then a place is likely to be free

log = logging.getLogger(__name__)


class Place:
    """One request's place, in the queue and then on a slot, until `end`."""

    def __init__(self, manager: "Manager", ticket: int) -> None:
        self._manager = manager
        self._ended = False
        self.ticket = ticket
        self.ahead = 0
        self.granted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def is_waiting(self) -> bool:
        """Whether the request is still in the queue, behind `ahead` others when it came."""
        return not self.granted.done()

    async def slot(self) -> int:
        """Wait for a slot and return it."""
        return await asyncio.shield(self.granted)

    def end(self, outcome: Outcome) -> None:
        """Give the place back; only the first call counts."""
        if not self._ended:
            self._ended = True
            self._manager.leave(self, outcome)


class Manager:
    """Owns one engine: loads it once for all who wait, unloads it when told and idle."""

    def __init__(self, engine: Engine, guard: Guard, *, slots: int, queue_limit: int) -> None:
        self.engine = engine
        self.outcomes: Counter[Outcome] = Counter()
        self._guard = guard
        self._pool = SlotPool(slots, queue_limit)
        self._tickets = itertools.count()
        self._waiting: dict[int, Place] = {}
        self._switching = asyncio.Lock()
        self._loading: asyncio.Task[None] | None = None

    @property
    def active(self) -> int:
        """Requests that hold a slot."""
        return self._pool.active

    @property
    def queued(self) -> int:
        """Requests that wait for a slot."""
        return self._pool.queued

    @property
    def max_concurrent(self) -> int:
        """The number of slots."""
        return self._pool.slots

    def start(self) -> None:
        """Begin to load the model in the background."""
        self._loading = asyncio.create_task(self._load_first(), name="load")

    async def stop(self) -> None:
        """End the engine, whatever it does."""
        if self._loading is not None:
            self._loading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._loading
        await self.engine.unload()

    def objection(self) -> RefusedError | None:
        """Return why a request would be refused now, or None."""
        if self._pool.is_full:
            return BusyError(
                f"all {self._pool.slots} slots work and {self._pool.queued} requests wait",
                retry_after_s=BUSY_RETRY_AFTER_S,
            )
        return self._guard.objection()

    def admit(self, cache_key: str | None) -> Place:
        """Take a request in, on a slot or into the queue. Raises RefusedError."""
        if objection := self.objection():
            self.outcomes["refused"] += 1
            log.info(event("request.refused", reason=objection.code))
            raise objection
        place = Place(self, next(self._tickets))
        match self._pool.ask(place.ticket, cache_key):
            case Granted(slot):
                place.granted.set_result(slot)
            case Queued(ahead):
                place.ahead = ahead
                self._waiting[place.ticket] = place
            case Refused():
                raise AssertionError("a full pool objects before it is asked")
        return place

    def leave(self, place: Place, outcome: Outcome) -> None:
        """Take a place back, and give its slot to who waits longest."""
        self.outcomes[outcome] += 1
        self._waiting.pop(place.ticket, None)
        if grant := self._pool.leave(place.ticket):
            self._waiting.pop(grant.ticket).granted.set_result(grant.slot)

    async def load(self) -> None:
        """Return when the model is ready. Raises ModelFailedError."""
        if self.engine.status.state == "ready" and not self._switching.locked():
            return
        async with self._switching:
            await self.engine.load()

    async def unload_if_idle(self) -> bool:
        """Unload the model unless somebody uses or loads it; return whether it was unloaded."""
        in_use = self._pool.active or self._switching.locked()
        if in_use or self.engine.status.state == "stopped":
            return False
        async with self._switching:
            await self.engine.unload()
        return True

    async def _load_first(self) -> None:
        try:
            await self.load()
        except EngineFailedError as error:
            log.error(event("model.failed", error=error.message))

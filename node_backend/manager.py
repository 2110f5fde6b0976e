"""Owns the engines: carries out what `core/residency.py` decides of models, slots and waiting."""

import asyncio
import itertools
import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Iterable
from dataclasses import dataclass

from cerebrum_kit.logs import event
from node_backend.core.residency import Residency
from node_backend.core.residency_events import (
    Action,
    Grant,
    Load,
    Moment,
    Refused,
    Unload,
    Wanted,
    Yield,
)
from node_backend.core.resident import Limits
from node_backend.engines.base import Engine
from node_backend.errors import (
    BusyError,
    EngineFailedError,
    NotIdleError,
    PinnedError,
    RefusedError,
)
from node_backend.guard import Guard
from node_backend.models import Model
from node_backend.place import Outcome, Place

BUSY_RETRY_AFTER_S = 2.0  # a completion's typical length; by then a place is likely to be free
SPARE_RETRY_AFTER_S = 30.0  # what nobody waits for can wait until others have paused
PINNED_RETRY_AFTER_S = 300.0  # until somebody configures the node otherwise: not soon

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Room:
    """What decides whether several models fit this machine together; one alone is always tried."""

    free_bytes: Callable[[], int] = lambda: 0
    """What models may take of the memory that nothing uses now."""
    needs_bytes: Callable[[Model], int] = lambda _: 0
    """What a model takes when it is loaded; reads its file."""


class Manager:
    """All models of a node: loaded when asked for, unloaded when others are or nobody does."""

    def __init__(  # noqa: PLR0913 - what it needs from outside, each by its name
        self,
        engine_of: Callable[[Model], Engine],
        guard: Guard,
        limits: Limits,
        *,
        room: Room | None = None,
        pinned: Collection[Model] = (),
        clock: Callable[[], float] = time.monotonic,
        on_end: Callable[[Outcome, float], None] = lambda _outcome, _seconds: None,
    ) -> None:
        """`on_end` gets how each admitted request ended, and after how many seconds."""
        self.engines: dict[Model, Engine] = {}
        self.outcomes: Counter[Outcome] = Counter()
        self.limits = limits
        self._engine_of = engine_of
        self._guard = guard
        self._room = room or Room()
        self._pinned = pinned
        self._clock = clock
        self._on_end = on_end
        self._residency: Residency[Model] = Residency(limits)
        self._needs_bytes: dict[Model, int] = {}
        self._tickets = itertools.count()
        self._waiting: dict[int, Place] = {}
        self._spare: dict[int, Place] = {}
        self.pre_evaluations: Counter[Outcome] = Counter()
        self._changes: dict[Model, asyncio.Task[None]] = {}
        self._alarm: asyncio.TimerHandle | None = None
        self._restarts_of_gone = 0
        self._is_stopped = False

    @property
    def models(self) -> tuple[Model, ...]:
        """The models that have memory; the last used is the last."""
        return self._residency.models

    @property
    def active(self) -> int:
        """Requests that hold a slot."""
        return self._residency.active

    @property
    def queued(self) -> int:
        """Requests that wait for a slot."""
        return self._residency.queued

    @property
    def restarts_total(self) -> int:
        """How often an engine has been started again after it ended by itself."""
        running = sum(engine.status.restarts_total for engine in self.engines.values())
        return self._restarts_of_gone + running

    @property
    def is_computing_elsewhere(self) -> bool:
        """Whether something is computed in a process that is no child of ours."""
        return any(
            engine.status.state == "ready" and engine.status.pid is None and self.active_on(model)
            for model, engine in self.engines.items()
        )

    def active_on(self, model: Model) -> int:
        """Return how many requests hold a slot of `model`."""
        return self._residency.active_on(model)

    async def start(self, default: Model) -> None:
        """Begin to load, in the background, what is pinned, and the default where there is room."""
        for model in (*self._pinned, default):
            await self.weigh(model)
            self._carry_out(self._residency.preload(self._wanted(model), self._moment()))

    async def stop(self) -> None:
        """End the engines, whatever they do."""
        self._is_stopped = True
        if self._alarm is not None:
            self._alarm.cancel()
        for task in self._changes.values():
            task.cancel()
        await asyncio.gather(*self._changes.values(), return_exceptions=True)
        await asyncio.gather(*(engine.unload() for engine in self.engines.values()))

    async def weigh(self, model: Model) -> None:
        """Find out what a model needs, where that decides anything, before it is asked for."""
        if self.limits.models > 1 and model not in self._needs_bytes:
            needs_bytes = await asyncio.to_thread(self._room.needs_bytes, model)
            self._needs_bytes[model] = needs_bytes

    def objection(self) -> RefusedError | None:
        """Return why a request would be refused now, or None."""
        if self._residency.is_full:
            return self._busy()
        is_any_ready = any(each.status.state == "ready" for each in self.engines.values())
        return self._guard.objection(loads=not is_any_ready)

    def admit(self, model: Model, cache_key: str | None) -> Place:
        """Take a request in, on a slot or into the queue. Raises RefusedError."""
        engine = self.engines.get(model)
        is_ready = engine is not None and engine.status.state == "ready"
        if objection := self._guard.objection(loads=not is_ready):
            raise self._refused(objection)
        place = Place(self, next(self._tickets), model, self._clock())
        self._waiting[place.ticket] = place
        wanted = self._wanted(model)
        match self._residency.ask(place.ticket, wanted, cache_key, self._moment()):
            case Refused(reason):
                del self._waiting[place.ticket]
                raise self._refused(self._busy() if reason == "busy" else _pinned(self._pinned))
            case actions:
                self._carry_out(actions)
        if place.is_waiting:
            place.ahead = self._residency.ahead_of(place.ticket)
        return place

    def admit_spare(self, model: Model, cache_key: str | None) -> Place:
        """Take in what yields to every other request, on an idle machine. Raises RefusedError."""
        engine = self.engines.get(model)
        if engine is None or not engine.status.can_pre_evaluate:
            raise NotIdleError("its model is not ready for that", retry_after_s=SPARE_RETRY_AFTER_S)
        if objection := self._guard.objection(loads=False):
            raise objection
        place = Place(self, next(self._tickets), model, self._clock())
        match self._residency.ask_spare(place.ticket, model, cache_key):
            case Refused():
                raise NotIdleError("others compute", retry_after_s=SPARE_RETRY_AFTER_S)
            case Grant(_, slot):
                place.granted.set_result(slot)
                self._spare[place.ticket] = place
        return place

    def leave(self, place: Place, outcome: Outcome) -> None:
        """Take a place back, and let others have it."""
        if self._spare.pop(place.ticket, None) is not None:
            self.pre_evaluations[outcome] += 1
        else:
            self.outcomes[outcome] += 1
            self._on_end(outcome, self._clock() - place.admitted_at)
        self._waiting.pop(place.ticket, None)
        self._carry_out(self._residency.leave(place.ticket, self._moment()))

    def on_loaded(self, model: Model) -> None:
        """Take note that a model works, also one that had failed before."""
        self._carry_out(self._residency.loaded(model, self._moment()))

    async def unload_idle(self) -> list[Model]:
        """Unload the models that nobody uses, loads or has pinned; return them."""
        spare = [place.spare for place in self._spare.values()]
        for each in spare:
            each.end()
        await asyncio.gather(*(each.ended.wait() for each in spare))
        actions = self._residency.clean_up(self._moment())
        self._carry_out(actions)
        unloaded = [action.model for action in actions if isinstance(action, Unload)]
        await asyncio.gather(*(asyncio.shield(self._changes[model]) for model in unloaded))
        return unloaded

    def tick(self) -> None:
        """Do what is due; called by the alarm."""
        self._carry_out(self._residency.tick(self._moment()))

    def _carry_out(self, actions: Iterable[Action[Model]]) -> None:
        if self._is_stopped:
            return
        for action in actions:
            match action:
                case Grant(ticket, slot):
                    self._waiting.pop(ticket).granted.set_result(slot)
                case Load(model):
                    self.engines[model] = self._engine_of(model)
                    self._begin(model, self._load(model))
                case Unload(model):
                    self._begin(model, self._unload(model))
                case Yield(ticket):
                    self._spare[ticket].spare.end()
        self._set_alarm()

    def _begin(self, model: Model, change: Coroutine[None, None, None]) -> None:
        self._changes[model] = asyncio.create_task(change, name=f"model {model.name}")

    async def _load(self, model: Model) -> None:
        log.info(event("model.loading", model=model.name))
        try:
            await self.engines[model].load()
        except Exception as error:  # whatever it is, the model must not count as loading for ever
            words = error.message if isinstance(error, EngineFailedError) else type(error).__name__
            log.error(event("model.failed", model=model.name, error=words))
            self._carry_out(self._residency.load_failed(model, self._moment()))
        else:
            self.on_loaded(model)

    async def _unload(self, model: Model) -> None:
        log.info(event("model.unloading", model=model.name))
        engine = self.engines[model]
        await engine.unload()
        self._restarts_of_gone += engine.status.restarts_total
        del self.engines[model]
        self._carry_out(self._residency.unloaded(model, self._moment()))

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        now = self._clock()
        due_at = self._residency.next_tick(now)
        if due_at < math.inf:
            loop = asyncio.get_running_loop()
            self._alarm = loop.call_later(due_at - now, self.tick)

    def _moment(self) -> Moment:
        return Moment(self._clock(), self._room.free_bytes() if self.limits.models > 1 else 0)

    def _wanted(self, model: Model) -> Wanted[Model]:
        needs_bytes = self._needs_bytes.get(model, 0)
        return Wanted(model, needs_bytes, is_pinned=model in self._pinned)

    def _refused(self, objection: RefusedError) -> RefusedError:
        self.outcomes["refused"] += 1
        log.info(event("request.refused", reason=objection.code))
        return objection

    def _busy(self) -> BusyError:
        return BusyError(
            f"{self.active} requests are computed and {self.queued} wait",
            retry_after_s=BUSY_RETRY_AFTER_S,
        )


def _pinned(pinned: Collection[Model]) -> PinnedError:
    names = ", ".join(model.name for model in pinned)
    return PinnedError(f"this node is kept for {names}", retry_after_s=PINNED_RETRY_AFTER_S)

"""One orchestrator: its parts wired together, with a beginning and an end."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from importlib.metadata import version
from itertools import islice
from typing import Literal

from orchestrator.attempts import Attempts
from orchestrator.breaker_probes import BreakerProber
from orchestrator.choices import Chooser, Decision, Preferences
from orchestrator.config import LOCAL_NODE, Config
from orchestrator.core.admission import Admission, AdmissionLimits
from orchestrator.core.breaker import Breaker, BreakerLimits
from orchestrator.core.lingering import Lingering
from orchestrator.core.prediction import Tolerance
from orchestrator.core.snapshot import PREFERENCE
from orchestrator.core.tiers import DEFAULT_TIERS
from orchestrator.dispatch import Dispatcher, Patience
from orchestrator.errors import ShuttingDownError
from orchestrator.events import Hub
from orchestrator.gate import Gate
from orchestrator.hedging import Hedger
from orchestrator.life import Events
from orchestrator.local_node import LocalNode
from orchestrator.members import Member
from orchestrator.nodes import NodeClient, open_pool
from orchestrator.pool import Pool
from orchestrator.probes import Prober
from orchestrator.wire import (
    AdmissionEvent,
    CompleteRequest,
    DecisionEvent,
    Health,
    NodeState,
    StateEvent,
    Stats,
)


class Orchestrator:
    """Owns everything that runs. `stop` is how it is told to end, and how it tells the server."""

    def __init__(self, config: Config, stop: asyncio.Event) -> None:
        self._config = config
        self._stop = stop
        self._started_at = time.monotonic()
        self._lingering = Lingering(config.linger_s, alone_since=self._started_at)
        self._guests_changed = asyncio.Event()
        self._http = open_pool(config.connect_timeout_s)
        self.hub = Hub(on_enter=self._enter, on_leave=self._leave)
        self._pool = Pool(on_change=lambda member: self.hub.publish("node", member.status()))
        self._add_members()
        self._prober = Prober(self._pool, config.probe_interval_s, config.probe_timeout_s)
        self._breaker_prober = BreakerProber(self._pool, config.stall_s)
        self._gate = Gate(Admission(_admission_limits(config)), on_change=self._tell_admission)
        self.chooser = Chooser(
            self._pool,
            Preferences(config.default_mode, {**DEFAULT_TIERS, **config.tiers}),
            on_decision=self._tell_decision,
        )
        attempts = Attempts(self._pool, self._prober)
        self._hedger = Hedger(self._pool, attempts, self.chooser, config.hedge_share)
        tolerance = Tolerance(config.stall_s, config.least_stall_s)
        patience = Patience(config.start_wait_s, tolerance)
        self._dispatcher = Dispatcher(self._gate, self._pool, self._hedger, self.chooser, patience)
        self._local: LocalNode | None = None
        if config.local:
            member = self._pool.members[LOCAL_NODE]
            self._local = LocalNode(self._pool, member, self._http, self._prober.look)

    def _add_members(self) -> None:
        limits = _breaker_limits(self._config)
        for node in self._config.nodes:
            client = NodeClient(self._http, node.name, node.url, self._config.key_of(node))
            breaker = Breaker(limits)
            self._pool.add(
                Member(node.name, client, has_gpu=node.gpu, slots=node.slots, breaker=breaker)
            )
        if self._config.local:
            breaker = Breaker(limits)
            self._pool.add(Member(LOCAL_NODE, client=None, comes_back=True, breaker=breaker))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start everything; end everything in the opposite order."""
        watchers = [asyncio.create_task(self._drain_when_told(), name="drain")]
        if self._local is not None:
            self._local.start()
            watchers.append(asyncio.create_task(self._end_when_alone(), name="linger"))
        self._prober.start()
        self._breaker_prober.start()
        try:
            yield
        finally:
            for watcher in watchers:
                watcher.cancel()
            await asyncio.gather(*watchers, return_exceptions=True)
            await self._breaker_prober.stop()
            await self._prober.stop()
            if self._local is not None:
                await self._local.stop()
            await self._http.aclose()

    async def complete(self, request: CompleteRequest) -> Events:
        """Answer one request; whoever asks is a guest as long as it lasts."""
        self._enter()
        try:
            async with aclosing(self._dispatcher.complete(request)) as events:
                async for event in events:
                    yield event
        finally:
            self._leave()

    def decisions(self, limit: int) -> list[DecisionEvent]:
        """Return the last `limit` routing decisions, the latest first."""
        latest_first = reversed(self.chooser.decisions)
        return [decision.shown() for decision in islice(latest_first, limit)]

    def state(self) -> StateEvent:
        """Return the whole picture."""
        return StateEvent(accepting=self._gate.admission.accepting, nodes=self._pool.statuses())

    def models(self) -> str:
        """Return what the pool serves now, for answers that hold only as long as it does."""
        return "\0".join(sorted({node.seen.model or "" for node in self._pool.members.values()}))

    def stats(self) -> Stats:
        """Return what `GET /v1/stats` shows."""
        admission, tally = self._gate.admission, self._dispatcher.tally
        return Stats(
            active_requests=len(admission.running),
            max_concurrent=admission.limits.max_concurrent,
            queued=len(admission.waiting),
            shed_total=tally["shed"],
            completed_total=tally["completed"],
            failed_total=tally["failed"],
            cancelled_total=tally["cancelled"],
            hedged_total=self._hedger.hedged_total,
            uptime_s=time.monotonic() - self._started_at,
            editors=self.hub.listeners,
            nodes=self._pool.statuses(),
        )

    def health(self) -> Health:
        """Return how many nodes can be asked; `down` is a pool that can serve nobody."""
        states = [node.state for node in self._pool.snapshots()]
        ready = states.count("ready")
        return Health(
            status=_pool_status(states),
            nodes_ready=ready,
            nodes_total=len(states),
            version=version("cerebrum"),
        )

    def _tell_admission(self) -> None:
        admission = self._gate.admission
        retry_after_s = None if admission.accepting else admission.limits.retry_after_s
        self.hub.publish(
            "admission",
            AdmissionEvent(accepting=admission.accepting, retry_after_s=retry_after_s),
        )

    def _tell_decision(self, decision: Decision) -> None:
        if self.hub.listeners:
            self.hub.publish("decision", decision.shown())

    def _enter(self) -> None:
        self._lingering.on_enter()
        self._guests_changed.set()

    def _leave(self) -> None:
        self._lingering.on_leave(time.monotonic())
        self._guests_changed.set()

    async def _end_when_alone(self) -> None:
        while not self._stop.is_set():
            self._guests_changed.clear()
            ends_at = self._lingering.ends_at()
            try:
                async with asyncio.timeout_at(ends_at):
                    await self._guests_changed.wait()
            except TimeoutError:
                self._stop.set()

    async def _drain_when_told(self) -> None:
        await self._stop.wait()
        self.hub.close()
        await asyncio.sleep(self._config.drain_s)
        self._dispatcher.end_all(ShuttingDownError("the orchestrator is shutting down"))


def _admission_limits(config: Config) -> AdmissionLimits:
    return AdmissionLimits(
        config.places,
        config.max_queued,
        config.shed_retry_after_s,
        config.places_async,
        config.ageing_s,
        config.deadline_margin,
    )


def _breaker_limits(config: Config) -> BreakerLimits:
    return BreakerLimits(
        failures_in_a_row=config.breaker_failures,
        failure_rate=config.breaker_failure_rate,
        cooldown_s=config.breaker_cooldown_s,
        max_cooldown_s=config.breaker_max_cooldown_s,
    )


def _pool_status(states: Sequence[NodeState]) -> Literal["ok", "degraded", "down"]:
    if states and all(state == "ready" for state in states):
        return "ok"
    return "degraded" if PREFERENCE.keys() & set(states) else "down"

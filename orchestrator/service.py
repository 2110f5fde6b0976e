"""One orchestrator: its parts wired together, with a beginning and an end."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from importlib.metadata import version
from itertools import islice
from typing import Literal

from orchestrator import slices
from orchestrator.attempts import Attempts
from orchestrator.breaker_probes import BreakerProber
from orchestrator.choices import Chooser, Decision
from orchestrator.config import Config
from orchestrator.core.admission import Admission
from orchestrator.core.lingering import Lingering
from orchestrator.core.snapshot import PREFERENCE
from orchestrator.discovery import Discovery
from orchestrator.dispatch import Dispatcher
from orchestrator.errors import ShuttingDownError
from orchestrator.events import Hub
from orchestrator.gate import Gate
from orchestrator.hedging import Hedger
from orchestrator.life import Events
from orchestrator.members import Member
from orchestrator.membership import Membership
from orchestrator.node_config import NodeConfig
from orchestrator.node_http import NodeHttp
from orchestrator.pool import Pool
from orchestrator.probes import Prober
from orchestrator.reasoner import Reasoner
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
        self._http = NodeHttp(config.connect_timeout_s, config.node_ca)
        self.hub = Hub(on_enter=self._enter, on_leave=self._leave)
        self._pool = Pool(
            on_change=self._tell_node, on_removal=lambda: self.hub.publish("state", self.state())
        )
        self._pool.min_vram_mb = slices.min_vram_mb(config)
        self._prober = Prober(self._pool, config.probe_interval_s, config.probe_timeout_s)
        breaker_prober = BreakerProber(self._pool, config.stall_s)
        self._membership = Membership(self._pool, self._http, self._prober, breaker_prober)
        self._membership.add_all(config)
        self._membership_changes = asyncio.Lock()
        self._found: tuple[NodeConfig, ...] = ()
        self._gate = Gate(
            Admission(slices.admission_limits(config)), on_change=self._tell_admission
        )
        self.chooser = Chooser(
            self._pool, slices.preferences(config), on_decision=self._tell_decision
        )
        attempts = Attempts(self._pool, self._prober)
        self._hedger = Hedger(self._pool, attempts, self.chooser, config.hedge_share)
        policy = slices.reasoning_policy(config)
        self._reasoner = Reasoner(self._pool, self.chooser, policy, time.monotonic)
        self._dispatcher = Dispatcher(
            self._gate,
            self._pool,
            self._hedger,
            self.chooser,
            self._reasoner,
            slices.patience(config),
        )

    async def apply(self, config: Config) -> None:
        """Become what `config` says; nothing that runs is disturbed.

        What can't change while it runs is left as it is: `reload.AT_THE_NEXT_START`.
        """
        self._config = config
        self._http.trust(config.node_ca)
        await self._apply_membership()
        self._pool.min_vram_mb = slices.min_vram_mb(config)
        self._gate.admission.limits = slices.admission_limits(config)
        self._prober.interval_s = config.probe_interval_s
        self._prober.timeout_s = config.probe_timeout_s
        self.chooser.preferences = slices.preferences(config)
        self._hedger.budget.share = config.hedge_share
        self._reasoner.policy = slices.reasoning_policy(config)
        self._dispatcher.patience = slices.patience(config)

    async def _take_in(self, found: tuple[NodeConfig, ...]) -> None:
        self._found = found
        await self._apply_membership()

    async def _apply_membership(self) -> None:
        """Let the pool be what is configured and what was found; one such change at a time."""
        async with self._membership_changes:
            names = {node.name for node in self._config.nodes}
            found = tuple(node for node in self._found if node.name not in names)
            nodes = {"nodes": (*self._config.nodes, *found)}
            await self._membership.apply(self._config.model_copy(update=nodes))
            self.hub.publish("state", self.state())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start everything; end everything in the opposite order."""
        watchers = [asyncio.create_task(self._drain_when_told(), name="drain")]
        if self._config.local:
            watchers.append(asyncio.create_task(self._end_when_alone(), name="linger"))
        if self._config.discover:
            discovery = Discovery(self._take_in)
            watchers.append(asyncio.create_task(discovery.run(), name="discovery"))
        self._membership.start()
        try:
            yield
        finally:
            for watcher in watchers:
                watcher.cancel()
            await asyncio.gather(*watchers, return_exceptions=True)
            await self._membership.stop()
            self._http.close()

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
            pre_evaluated_total=self._dispatcher.read_ahead["completed"],
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

    def _tell_node(self, member: Member) -> None:
        if self.hub.listeners:
            self.hub.publish("node", member.status(time.monotonic()))

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


def _pool_status(states: Sequence[NodeState]) -> Literal["ok", "degraded", "down"]:
    if states and all(state == "ready" for state in states):
        return "ok"
    return "degraded" if PREFERENCE.keys() & set(states) else "down"

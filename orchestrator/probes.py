"""Health probes of every node, whether there is traffic or not."""

import asyncio
import contextlib
import logging
import time
from dataclasses import replace
from itertools import count

from cerebrum_kit.errors import CerebrumError
from cerebrum_kit.logs import event
from node_backend.wire import Health, ModelInfo
from orchestrator.errors import NodeUnauthorizedError, NodeUnreachableError
from orchestrator.members import Member, Observation
from orchestrator.nodes import NodeClient
from orchestrator.pool import Pool

LOADING_INTERVAL_S = 0.1  # somebody may be waiting for it: the first completion of the day
RETURN_INTERVAL_S = 0.5  # a return is to be seen in the editor within a second
RETURNS_PER_S = 40  # looks at nodes that are away, of all together: half a rack may be switched off
AWAY = frozenset({"unreachable", "refusing"})
LIST_EVERY_PROBES = 15  # how often to ask for the models: they change by hand, and rarely

log = logging.getLogger(__name__)


class Prober:
    """Asks each member how it is, every `interval_s` and whenever it is told to look at once."""

    def __init__(self, pool: Pool, interval_s: float, timeout_s: float) -> None:
        self._pool = pool
        self.interval_s = interval_s
        self.timeout_s = timeout_s
        self._look: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def watch(self, member: Member) -> None:
        """Begin to probe a node, in a task of its own: one that hangs must not hide the others."""
        self._look[member.name] = asyncio.Event()
        task = asyncio.create_task(self._watch(member), name=f"probe {member.name}")
        self._tasks[member.name] = task

    async def forget(self, name: str) -> None:
        """Cease to probe a node."""
        del self._look[name]
        await end(self._tasks.pop(name))

    async def stop(self) -> None:
        """End all probes."""
        await end(*self._tasks.values())

    def look(self, member: Member) -> None:
        """Probe `member` now and not at its next time; one that is not probed has no next time."""
        if member.name in self._look:
            self._look[member.name].set()

    def report(self, member: Member, client: NodeClient, failure: CerebrumError) -> None:
        """Take note that a request to `client` has failed, and look for oneself."""
        if member.client is client and (seen := _told_by(failure)):
            self._pool.observe(member, seen)
        self.look(member)

    async def _watch(self, member: Member) -> None:
        look = self._look[member.name]
        for probe in count():
            look.clear()
            client = member.client
            if client is not None:
                lists = not probe % LIST_EVERY_PROBES
                seen = await self._probe(client, member.seen.in_memory, lists=lists)
                if member.client is client:  # else it has moved on while it was asked
                    self._pool.observe(member, seen)
            interval_s = self._interval_s(member)
            member.next_probe_at = time.monotonic() + interval_s
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(look.wait(), interval_s)

    def _interval_s(self, member: Member) -> float:
        state = member.seen.state
        if state == "loading" and member.client is not None:
            return min(self.interval_s, LOADING_INTERVAL_S)
        if state in AWAY:
            away = sum(each.seen.state in AWAY for each in self._pool.members.values())
            return min(self.interval_s, max(RETURN_INTERVAL_S, away / RETURNS_PER_S))
        return self.interval_s

    async def _probe(
        self, client: NodeClient, in_memory: frozenset[str], *, lists: bool
    ) -> Observation:
        """Ask how a node is; if it holds other models than `in_memory`, its list says more now."""
        models: tuple[ModelInfo, ...] = ()
        try:
            health = await client.health(self.timeout_s)
            now_in_memory = frozenset(health.loaded)
            if lists or not client.key_accepted or now_in_memory != in_memory:
                models = await client.models(self.timeout_s)
        except CerebrumError as error:
            return _told_by(error) or Observation("unreachable", reason=error.message)
        except Exception as error:  # a probe that dies would leave the node unseen
            log.error(event("probe.crashed", node=client.name, error=type(error).__name__))
            return Observation("unreachable", reason="its probe failed; see the log")
        return replace(
            understand(health),
            listed=models,
            in_memory=now_in_memory,
            cpu_percent=health.cpu_percent,
            slots=health.slots,
            has_gpu=health.vram_free_mb is not None or None,
            vram_free_mb=health.vram_free_mb,
        )


async def end(*tasks: "asyncio.Task[None]") -> None:
    """Cancel tasks, and wait until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _told_by(failure: CerebrumError) -> Observation | None:
    """Return what a failure says of the node itself, and not of the one request."""
    if isinstance(failure, NodeUnauthorizedError):
        return Observation("unauthorized", reason=failure.message)
    if isinstance(failure, NodeUnreachableError):
        return Observation("unreachable", reason=failure.message)
    return None


def understand(health: Health) -> Observation:
    """Return what a node's own word means for the pool."""
    if health.state == "loading":
        return Observation("loading", health.model)
    if not health.accepting or health.state == "failed":
        return Observation("refusing", health.model, health.reason)
    return Observation("ready", health.model, is_cold=health.state == "idle")

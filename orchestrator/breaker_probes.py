"""The one probe by which a node that was left alone earns its place again, traffic or not."""

import asyncio
import contextlib
import logging
import time
from contextlib import aclosing

from cerebrum_kit.errors import CerebrumError
from cerebrum_kit.logs import event
from node_backend.wire import InferenceRequest
from orchestrator.core.prediction import Allowance
from orchestrator.errors import NodeFailedError, NodeUnreachableError
from orchestrator.members import Member
from orchestrator.nodes import NodeClient
from orchestrator.pool import Pool
from orchestrator.probes import end

# One token of the smallest prompt: what failed was inference, and a health answer proves nothing
# of that. A slot of its own keeps it from pushing a document out of the KV cache.
TRIAL = InferenceRequest(prompt="x", max_tokens=1, stream=True, cache_key="breaker-probe")
BREAKER_FAILURES = (NodeFailedError, NodeUnreachableError)

log = logging.getLogger(__name__)


class BreakerProber:
    """Watches each member's breaker, and tries the node when its cooldown is over."""

    def __init__(self, pool: Pool, timeout_s: float) -> None:
        self._pool = pool
        self._allowance = Allowance(timeout_s, timeout_s, timeout_s)
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def watch(self, member: Member) -> None:
        """Begin to watch a node's breaker."""
        task = asyncio.create_task(self._watch(member), name=f"breaker {member.name}")
        self._tasks[member.name] = task

    async def forget(self, name: str) -> None:
        """Cease to watch a node's breaker."""
        await end(self._tasks.pop(name))

    async def stop(self) -> None:
        """End all probes."""
        await end(*self._tasks.values())

    async def _watch(self, member: Member) -> None:
        while True:
            change = self._pool.change
            due_at = member.breaker.probe_due_at(is_last_hope=member.is_last_hope)
            client = member.client
            if due_at is not None and due_at <= time.monotonic() and client is not None:
                await self._try(member, client)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due_at if client is not None else None):
                    await change.wait()

    async def _try(self, member: Member, client: NodeClient) -> None:
        if not self._pool.probe_begins(member):
            return
        well = None
        try:
            well = await self._is_well(client)
        finally:
            self._pool.probe_ended(member, well=well)

    async def _is_well(self, client: NodeClient) -> bool:
        try:
            async with aclosing(client.infer(TRIAL, self._allowance)) as events:
                async for _ in events:
                    pass
        except BREAKER_FAILURES:
            return False
        except CerebrumError:
            return True  # it refuses, as it may: what can say no can work
        except Exception as error:  # a probe that dies would leave the node alone for ever
            log.error(event("probe.crashed", node=client.name, error=type(error).__name__))
            return False
        return True

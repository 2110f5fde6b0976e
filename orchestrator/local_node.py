"""The node of this machine, as a supervised child of the orchestrator."""

import asyncio
import contextlib
import secrets
import sys
from collections.abc import Callable

import httpx

from cerebrum_kit.child import ChildFailedError, ChildSpec
from cerebrum_kit.supervisor import Supervisor
from orchestrator.members import Member, Observation
from orchestrator.nodes import NodeClient
from orchestrator.pool import Pool

NODE_ARGV = (sys.executable, "-m", "node_backend", "serve", "--port", "0", "--announce")
STARTING = Observation("loading", reason="the node is starting")


class LocalNode:
    """Starts the node, restarts it when it ends, and tells the pool where it is."""

    def __init__(
        self,
        pool: Pool,
        member: Member,
        http: httpx.AsyncClient,
        look: Callable[[Member], None],
    ) -> None:
        self._pool = pool
        self._member = member
        self._http = http
        self._look = look
        self._key = secrets.token_urlsafe(32)
        self._spec = ChildSpec("node", NODE_ARGV, env={"CEREBRUM_API_KEY": self._key})
        self._supervisor = Supervisor(lambda: self._spec, on_change=self._on_change)
        self._starting: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; returns at once, the member's state says how far it is."""
        self._pool.move(self._member, None, STARTING)
        self._starting = asyncio.create_task(self._ensure(), name="local node")

    async def stop(self) -> None:
        """End the node. Returns when it is gone."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        await self._supervisor.stop()

    async def _ensure(self) -> None:
        with contextlib.suppress(ChildFailedError):  # the supervisor has logged it, and goes on
            await self._supervisor.ensure()

    def _on_change(self) -> None:
        match self._supervisor.state:
            case "running":
                child = self._supervisor.child
                assert child is not None  # noqa: S101 - what runs is there
                url = f"http://127.0.0.1:{child.announced['port']}"
                client = NodeClient(self._http, self._member.name, url, self._key)
                self._pool.move(self._member, client, STARTING)
                self._look(self._member)
            case "starting":
                self._pool.move(self._member, None, STARTING)
            case "waiting":
                why = self._supervisor.failure or "the node keeps ending"
                self._pool.move(self._member, None, Observation("unreachable", reason=why))
            case "stopped":
                gone = Observation("unreachable", reason="the node was stopped")
                self._pool.move(self._member, None, gone)

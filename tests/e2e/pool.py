"""A pool of known keys: one orchestrator, one node, one engine, all real."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from node_backend.wire import Stats as NodeStats
from orchestrator.wire import Stats
from tests.e2e.processes import Service, child_running, eventually, isolated, service

ENGINE = "node_backend.engines.llama_cpp_host"


@dataclass(frozen=True)
class Pool:
    """A pool with known keys: one orchestrator, one node, the bundled model."""

    orchestrator: Service
    node: Service
    environment: dict[str, str]
    http: httpx.AsyncClient

    async def node_stats(self) -> NodeStats:
        """Return what the node says, its engine's own slots among it."""
        response = await self.http.get(f"{self.node.url}/v1/stats", headers=self.node.headers)
        return NodeStats.model_validate_json(response.raise_for_status().content)

    async def stats(self) -> Stats:
        """Return what the orchestrator says."""
        response = await self.http.get(
            f"{self.orchestrator.url}/v1/stats", headers=self.orchestrator.headers
        )
        return Stats.model_validate_json(response.raise_for_status().content)

    async def until_slots(self, *, busy: int) -> None:
        """Wait until the engine itself reports this many busy slots."""

        async def holds() -> bool:
            return sum(slot.busy for slot in (await self.node_stats()).slots) == busy

        await eventually(holds, f"{busy} busy slots")

    async def until_counted(self, **counts: int) -> None:
        """Wait until the node's own counts are these: it counts an end after its slot is free."""

        async def holds() -> bool:
            stats = await self.node_stats()
            return {name: getattr(stats, name) for name in counts} == counts

        await eventually(holds, f"a count of {counts}")

    @property
    def engine_pid(self) -> int:
        """The engine's process id."""
        return child_running(self.node.child.pid, ENGINE)


@contextlib.asynccontextmanager
async def running_pool(folder: Path, model: Path | None = None) -> AsyncIterator[Pool]:
    """Run a pool that serves `model` (None: the bundled one), with its files in `folder`."""
    quiet = {**isolated(folder), "CEREBRUM_MODEL": str(model or "")}
    async with (
        service(
            "node_backend",
            key_name="CEREBRUM_API_KEY",
            environment=quiet,
        ) as node,
        service(
            "orchestrator",
            "--node",
            node.url,
            key_name="CEREBRUM_ORCHESTRATOR_KEY",
            environment={**quiet, "CEREBRUM_NODE_KEY": node.key},
        ) as orchestrator,
        httpx.AsyncClient(timeout=30) as http,
    ):
        environment = {
            **quiet,
            "CEREBRUM_ORCHESTRATOR_URL": orchestrator.url,
            "CEREBRUM_ORCHESTRATOR_KEY": orchestrator.key,
        }
        yield Pool(orchestrator, node, environment, http)

"""A real orchestrator over HTTP, in the test's own event loop, on fake nodes."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from httpx_sse import EventSource
from pydantic import SecretStr

from cerebrum_kit.serving import serve
from orchestrator.app import create_app
from orchestrator.config import Config
from orchestrator.node_config import NodeConfig
from tests.fakes.node import WAIT_S, FakeNode

ASK: dict[str, object] = {"prompt": "def hello():", "language": "python", "max_tokens": 50}

Told = tuple[str, dict[str, Any]]


@dataclass
class Service:
    """A running orchestrator, and a client that speaks to it."""

    url: str
    http: httpx.AsyncClient
    stop: asyncio.Event
    served: "asyncio.Task[None]"

    async def ask(self, **changes: object) -> httpx.Response:
        """Ask for a completion, without streaming."""
        return await self.http.post("/v1/complete", json={**ASK, **changes})

    @asynccontextmanager
    async def stream(self, **changes: object) -> AsyncIterator[AsyncGenerator[Told, None]]:
        """Ask for a stream; yields its events as (name, data)."""
        asked = {**ASK, "stream": True, **changes}
        async with self.http.stream("POST", "/v1/complete", json=asked) as response:
            assert response.status_code == 200, await response.aread()
            async with aclosing(_told(response)) as events:
                yield events

    async def ask_stream(self, **changes: object) -> list[Told]:
        """Ask for a stream and return all of its events."""
        async with self.stream(**changes) as events:
            return [event async for event in events]

    async def stats(self) -> dict[str, Any]:
        """Return /v1/stats, without what changes by itself."""
        stats: dict[str, Any] = (await self.http.get("/v1/stats")).json()
        return {name: value for name, value in stats.items() if name != "uptime_s"}

    @asynccontextmanager
    async def events(self) -> AsyncIterator[AsyncGenerator[Told, None]]:
        """Listen to /v1/events."""
        async with self.http.stream("GET", "/v1/events") as response:
            assert response.status_code == 200, await response.aread()
            async with aclosing(_told(response)) as events:
                yield events


@asynccontextmanager
async def service(
    *nodes: FakeNode, key: str | None = None, hosts: Sequence[NodeConfig] = (), **settings: Any
) -> AsyncIterator[Service]:
    """Run an orchestrator on `nodes`, named a, b, …; all probed once before it is handed out.

    `hosts` are in the pool, too.
    """
    config = Config(
        port=0,
        key=SecretStr(key) if key else None,
        nodes=(
            *hosts,
            *(
                NodeConfig(
                    url=node.url,
                    name="abcdefghij"[at],
                    key=SecretStr(node.key) if node.key else None,
                )
                for at, node in enumerate(nodes)
            ),
        ),
        **{"probe_interval_s": 0.1, "cache_bytes": 0, **settings},
    )
    stop = asyncio.Event()
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    app = create_app(config, stop)
    served = asyncio.create_task(serve(app, "127.0.0.1", 0, on_started=port.set_result, stop=stop))
    url = f"http://127.0.0.1:{await asyncio.wait_for(port, WAIT_S)}"
    headers = {"X-API-Key": key} if key else {}
    async with httpx.AsyncClient(
        base_url=url, headers=headers, timeout=WAIT_S, limits=httpx.Limits(max_connections=None)
    ) as http:
        running = Service(url, http, stop, served)
        await eventually(running, lambda nodes: all(each["state"] != "unknown" for each in nodes))
        try:
            yield running
        finally:
            stop.set()
            await asyncio.wait_for(served, WAIT_S)


async def eventually(
    running: Service, condition: Callable[[list[dict[str, Any]]], bool]
) -> list[dict[str, Any]]:
    """Wait, on the event stream, until the nodes are as `condition` wants them; return them."""
    nodes: dict[str, dict[str, Any]] = {}
    async with asyncio.timeout(WAIT_S), running.events() as events:
        async for name, told in events:
            if name == "state":
                nodes = {node["name"]: node for node in told["nodes"]}
            elif name == "node":
                nodes[told["name"]] = told
            if condition(list(nodes.values())):
                return list(nodes.values())
    raise AssertionError("the event stream ended before it came true")


async def until_stats(running: Service, **wanted: object) -> Mapping[str, Any]:
    """Wait until /v1/stats shows `wanted`."""
    async with asyncio.timeout(WAIT_S):
        while True:
            stats = await running.stats()
            if all(stats[name] == value for name, value in wanted.items()):
                return stats
            await asyncio.sleep(0.01)


async def _told(response: httpx.Response) -> AsyncGenerator[Told, None]:
    async with aclosing(EventSource(response).aiter_sse()) as events:
        async for sse in events:
            yield sse.event or "message", json.loads(sse.data)

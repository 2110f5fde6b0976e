"""Failover on real nodes with the bundled model: one of two is killed, the caller goes on."""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.e2e.processes import Service, eventually, isolated, kill, service

pytestmark = pytest.mark.e2e

PROMPT = (
    "def quicksort(items):\n"
    '    """Return a sorted copy."""\n'
    "    if len(items) <= 1:\n"
    "        return list(items)\n"
)
ASK: dict[str, object] = {"prompt": PROMPT, "max_tokens": 400, "temperature": 0.0, "stream": True}


@dataclass
class Pair:
    """An orchestrator on two real nodes."""

    nodes: dict[str, Service]
    http: httpx.AsyncClient

    @contextlib.asynccontextmanager
    async def stream(self) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        async with self.http.stream("POST", "/v1/complete", json=ASK) as response:
            assert response.status_code == 200, await response.aread()
            lines = response.aiter_lines()
            yield (json.loads(line[6:]) async for line in lines if line.startswith("data: "))

    async def node_states(self) -> dict[str, str]:
        nodes = (await self.http.get("/v1/nodes")).json()
        return {node["name"]: node["state"] for node in nodes}

    def kill(self, name: str) -> None:
        """Kill a node and its engine at once, as a machine that loses power does."""
        pid = self.nodes[name].child.pid
        below = psutil.Process(pid).children(recursive=True)
        for process in (*below, psutil.Process(pid)):
            with contextlib.suppress(ProcessLookupError):
                kill(process.pid)


@contextlib.asynccontextmanager
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    environment = isolated(tmp_path)
    async with contextlib.AsyncExitStack() as stack:
        running = [
            await stack.enter_async_context(
                service("node_backend", key_name="CEREBRUM_API_KEY", environment=environment)
            )
            for _ in range(2)
        ]
        urls = [argument for node in running for argument in ("--node", node.url)]
        orchestrator = await stack.enter_async_context(
            service(
                "orchestrator",
                *urls,
                key_name="CEREBRUM_ORCHESTRATOR_KEY",
                environment={**environment, "CEREBRUM_NODE_KEY": running[0].key},
            )
        )
        http = await stack.enter_async_context(
            httpx.AsyncClient(base_url=orchestrator.url, headers=orchestrator.headers, timeout=60.0)
        )
        nodes = {node.url.removeprefix("http://"): node for node in running}
        both = Pair(nodes, http)

        async def are_ready() -> bool:
            return set((await both.node_states()).values()) == {"ready"}

        await eventually(are_ready, "two ready nodes")
        yield both


async def whole_text(both: Pair) -> str:
    """Return the answer of an undisturbed stream, from whichever node."""
    async with both.stream() as events:
        return "".join([event.get("token", "") async for event in events])


async def test_killing_the_node_in_the_middle_continues_on_the_other_with_the_same_text(
    tmp_path: Path,
) -> None:
    async with pair(tmp_path) as both:
        texts = {await whole_text(both) for _ in range(2)}  # both engines are warm then
        assert len(texts) == 1
        (whole,) = texts
        async with both.stream() as events:
            pieces, told, first, is_killed = [], [], "", False
            async for event in events:
                first = first or event.get("node", "")
                told.append(event)
                pieces.append(event.get("token", ""))
                if not is_killed and sum(map(bool, pieces)) >= 3:
                    is_killed = True
                    both.kill(first)
        done = told[-1]
        assert done["done"] is True
        assert "error" not in done, done
        assert done["node"] != first
        assert [event.get("stage") for event in told].count("failover") == 1
        assert "".join(pieces) == whole


async def test_killing_the_node_before_the_first_token_is_not_noticed(tmp_path: Path) -> None:
    async with pair(tmp_path) as both:
        whole = await whole_text(both)
        async with both.stream() as events:
            route = await anext(events)
            both.kill(route["node"])
            told = [event async for event in events]
        assert "error" not in told[-1], told[-1]
        text = "".join(event.get("token", "") for event in told)
        assert text == whole
        assert [event["done"] for event in told if "done" in event] == [True]


async def test_node_that_is_killed_is_no_loss_to_those_who_ask_next(tmp_path: Path) -> None:
    async with pair(tmp_path) as both:
        await whole_text(both)
        victim = next(iter(both.nodes))
        both.kill(victim)
        for _ in range(4):
            answer = await both.http.post("/v1/complete", json={**ASK, "stream": False})
            assert answer.status_code == 200, answer.text
            assert answer.json()["node"] != victim

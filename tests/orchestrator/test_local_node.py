"""Requests while the node of this machine is starting, or can't be started."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrator import child_node
from tests.fakes.node import WAIT_S, FakeNode
from tests.orchestrator.pool import Service, eventually, service, until_stats

# A child that is a node as far as its parent can tell: it says where a fake one listens, once a
# file is there, and ends with its parent.
CHILD = """
import json, os, pathlib, sys, time
go, port = pathlib.Path(sys.argv[1]), sys.argv[2]
while not go.exists():
    time.sleep(0.01)
print(json.dumps({"port": int(port), "pid": os.getpid()}), flush=True)
sys.stdin.read()
"""


@asynccontextmanager
async def starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any
) -> AsyncIterator[tuple[Service, Callable[[], None]]]:
    """Run a local pool whose node starts when the function that is handed out is called."""
    go = tmp_path / "go"
    async with FakeNode() as node:
        argv = (sys.executable, "-c", CHILD, str(go), str(node.port))
        monkeypatch.setattr(child_node, "NODE_ARGV", argv)
        async with service(local=True, **settings) as pool:
            yield pool, go.touch


async def test_request_waits_for_the_node_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with starting(tmp_path, monkeypatch) as (pool, start):
        assert (await pool.http.get("/health")).json()["status"] == "degraded"
        plain = asyncio.create_task(pool.ask())
        async with pool.stream() as events:
            name, route = await anext(events)
            assert (name, route["node"]) == ("route", "local")
            loading = {"stage": "loading", "detail": {"node": "local"}}
            assert await anext(events) == ("progress", loading)
            start()
            rest = [event async for event in events]
            assert [name for name, _ in rest].count("route") == 0
            assert "".join(data.get("token", "") for _, data in rest) == "hello world"
        assert (await plain).json()["text"] == "hello world"
        await eventually(pool, lambda nodes: nodes[0]["state"] == "ready")


async def test_deadline_holds_while_the_node_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with starting(tmp_path, monkeypatch) as (pool, _):
        late = await pool.ask(deadline_ms=50)
        assert (late.status_code, late.json()["error"]["code"]) == (504, "deadline")


async def test_waiting_for_a_node_ends_without_a_deadline_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with starting(tmp_path, monkeypatch, start_wait_s=0.1) as (pool, _):
        refused = await pool.ask()
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "no-node")
        assert "did not start" in refused.json()["error"]["message"]
        assert "retry-after" in refused.headers


async def test_leaving_while_the_node_starts_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with starting(tmp_path, monkeypatch) as (pool, _):
        leaving = asyncio.create_task(pool.ask())
        await until_stats(pool, active_requests=1)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        await until_stats(pool, active_requests=0, cancelled_total=1)


async def test_node_that_can_not_start_is_no_node_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    argv = (sys.executable, "-c", "raise SystemExit(3)")
    monkeypatch.setattr(child_node, "NODE_ARGV", argv)
    async with service(local=True) as pool:
        (node,) = await eventually(pool, lambda nodes: nodes[0]["state"] == "unreachable")
        assert "status 3" in node["reason"]
        refused = await asyncio.wait_for(pool.ask(), WAIT_S)
        assert refused.status_code == 503
        assert refused.json()["error"]["code"] == "no-node"

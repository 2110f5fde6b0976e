"""Nodes that advertise themselves join a pool that looks for them, and leave it."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from cerebrum_kit.mdns import NoDiscoveryError, advertised, require_mdns
from orchestrator.discovery import Discovery
from orchestrator.node_config import NodeConfig
from tests.e2e.processes import isolated
from tests.e2e.processes import service as process
from tests.fakes.node import WAIT_S, FakeNode
from tests.orchestrator.pool import eventually, service

LOOPBACK = "127.0.0.1"


async def test_node_is_found_and_seen_to_go() -> None:
    told: asyncio.Queue[tuple[NodeConfig, ...]] = asyncio.Queue()
    watching = asyncio.create_task(Discovery(told.put, (LOOPBACK,)).run())
    try:
        async with FakeNode() as node:
            async with advertised(LOOPBACK, node.port):
                [found] = await asyncio.wait_for(told.get(), WAIT_S)
                assert found.url == node.url
                assert found.name.endswith(f"-{node.port}")
            assert await asyncio.wait_for(told.get(), WAIT_S) == ()
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


@pytest.mark.e2e
async def test_real_node_advertises_itself_when_it_is_told_to(tmp_path: Path) -> None:
    told: asyncio.Queue[tuple[NodeConfig, ...]] = asyncio.Queue()
    watching = asyncio.create_task(Discovery(told.put, (LOOPBACK,)).run())
    environment = {**isolated(tmp_path), "CEREBRUM_NODE_ADVERTISE": "1"}
    try:
        async with process(
            "node_backend", key_name="CEREBRUM_API_KEY", environment=environment
        ) as node:
            [found] = await asyncio.wait_for(told.get(), WAIT_S)
            assert found.url == node.url
        assert await asyncio.wait_for(told.get(), WAIT_S) == ()
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def test_found_node_needs_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.service.Discovery", on_loopback)
    monkeypatch.setenv("CEREBRUM_NODE_KEY", "right")
    async with (
        FakeNode("right") as node,
        FakeNode("other") as stranger,
        advertised(LOOPBACK, node.port),
        advertised(LOOPBACK, stranger.port),
        service(discover=True) as pool,
    ):
        nodes = await eventually(
            pool,
            lambda nodes: {each["state"] for each in nodes} == {"ready", "unauthorized"},
        )
        ready = [each["url"] for each in nodes if each["state"] == "ready"]
        assert ready == [node.url]
        assert (await pool.ask()).json()["text"] == "hello world"
        assert not stranger.requests


def on_loopback(on_change: Callable[[tuple[NodeConfig, ...]], Awaitable[None]]) -> Discovery:
    return Discovery(on_change, (LOOPBACK,))


async def test_nothing_is_looked_for_unless_it_is_switched_on() -> None:
    async with FakeNode() as node, advertised(LOOPBACK, node.port), service() as pool:
        assert (await pool.stats())["nodes"] == []
        assert (await pool.ask()).status_code == 503


def test_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zeroconf", None)
    with pytest.raises(NoDiscoveryError, match="discovery"):
        require_mdns()

"""Who is in the pool after a change of configuration, and what is still known of them."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import SecretStr

from orchestrator.config import Config
from orchestrator.node_config import NodeConfig
from orchestrator.service import Orchestrator
from orchestrator.wire import CompleteRequest, DoneEvent, NodeStatus
from tests.fakes.behaviours import ok
from tests.fakes.node import WAIT_S, FakeNode
from tests.fakes.pacing import Stepped

ASK = CompleteRequest(prompt="x")


@asynccontextmanager
async def running(config: Config) -> AsyncIterator[Orchestrator]:
    orchestrator = Orchestrator(config, asyncio.Event())
    async with orchestrator.running():
        yield orchestrator


def of(*nodes: FakeNode, **settings: int) -> Config:
    named = tuple(
        NodeConfig(url=node.url, name="ab"[at], key=SecretStr(node.key) if node.key else None)
        for at, node in enumerate(nodes)
    )
    return Config(nodes=named, **settings)  # type: ignore[arg-type]


async def until(orchestrator: Orchestrator, **states: str) -> dict[str, NodeStatus]:
    """Wait until the nodes, all of them, are in these states."""
    ends_at = time.monotonic() + WAIT_S
    while time.monotonic() < ends_at:
        nodes = {node.name: node for node in orchestrator.state().nodes}
        if {name: node.state for name, node in nodes.items()} == states:
            return nodes
        await asyncio.sleep(0.01)
    raise AssertionError(f"it stays {orchestrator.state().nodes}")


async def text(orchestrator: Orchestrator) -> str:
    return "".join([getattr(each, "token", "") async for each in orchestrator.complete(ASK)])


async def test_node_that_stays_keeps_what_is_known_of_it() -> None:
    async with FakeNode() as node, FakeNode() as other, running(of(node)) as orchestrator:
        await until(orchestrator, a="ready")
        await text(orchestrator)
        await orchestrator.apply(of(node, other, max_queued=3))
        nodes = await until(orchestrator, a="ready", b="ready")
        assert nodes["a"].decode_tokens_per_s is not None
        assert orchestrator.stats().queued == 0


async def test_another_address_or_key_is_tried_at_once() -> None:
    async with FakeNode("k") as node, FakeNode() as other, running(of(node)) as orchestrator:
        await until(orchestrator, a="ready")
        wrong = NodeConfig(url=node.url, name="a", key=SecretStr("wrong"))
        await orchestrator.apply(Config(nodes=(wrong,)))
        await until(orchestrator, a="unauthorized")
        await orchestrator.apply(of(other))
        await until(orchestrator, a="ready")
        assert await text(orchestrator) == "hello world"
        assert len(other.requests) == 1


async def test_what_runs_on_a_node_that_is_removed_goes_on() -> None:
    async with FakeNode() as node, running(of(node)) as orchestrator:
        await until(orchestrator, a="ready")
        pace = Stepped()
        node.behaviour = ok(["a", "b"], pace)
        streaming = asyncio.create_task(_events(orchestrator))
        await node.next_request()
        await orchestrator.apply(Config(nodes=()))
        assert orchestrator.state().nodes == []
        pace.finish()
        events = await asyncio.wait_for(streaming, WAIT_S)
        assert isinstance(events[-1], DoneEvent)
        assert orchestrator.state().nodes == []


async def test_limits_change_while_it_runs() -> None:
    async with FakeNode() as node, running(of(node)) as orchestrator:
        await orchestrator.apply(of(node, max_concurrent=7))
        assert orchestrator.stats().max_concurrent == 7


async def _events(orchestrator: Orchestrator) -> list[object]:
    return [event async for event in orchestrator.complete(ASK)]

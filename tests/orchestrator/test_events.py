"""`GET /v1/events`: what daemons live on."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from orchestrator.events import MAX_BEHIND, Hub
from orchestrator.wire import AdmissionEvent, StateEvent
from tests.fakes.behaviours import ok
from tests.fakes.node import WAIT_S, FakeNode
from tests.fakes.pacing import Stepped
from tests.orchestrator.pool import Told, service, until_stats


async def take(events: AsyncGenerator[Told, None], number: int) -> AsyncGenerator[Told, None]:
    for _ in range(number):
        yield await anext(events)


async def test_state_comes_first_and_then_what_changes() -> None:
    async with FakeNode() as node, service(node) as pool, pool.events() as events:
        async with asyncio.timeout(WAIT_S):
            name, state = await anext(events)
            assert (name, state["accepting"]) == ("state", True)
            assert [(each["name"], each["state"]) for each in state["nodes"]] == [("a", "ready")]
            await node.die()
            while True:
                name, told = await anext(events)
                if (name, told["state"]) == ("node", "unreachable"):
                    break
            await node.start()
            while True:
                name, told = await anext(events)
                if (name, told["state"]) == ("node", "ready"):
                    break


async def test_load_of_a_node_is_told() -> None:
    async with FakeNode() as node, service(node) as pool, pool.events() as events:
        async with asyncio.timeout(WAIT_S):
            await anext(events)
            await pool.ask()
            told = [data async for name, data in take(events, 3) if name == "node"]
            assert [data["in_flight"] for data in told] == [1, 0]


async def test_routing_decision_is_told_and_kept() -> None:
    async with FakeNode() as node, FakeNode() as other, service(node, other) as pool:
        async with asyncio.timeout(WAIT_S), pool.events() as events:
            await anext(events)
            await pool.ask(mode="reliable")
            name, told = await anext(events)
            assert (name, told["mode"], told["outcome"]) == ("decision", "reliable", "route")
            assert told["node"] == "a"
            assert "soonest" not in told["reason"]
            assert [each["node"] for each in told["considered"]] == ["a", "b"]
            assert all(each["score"] and each["why"] for each in told["considered"])
        kept = (await pool.http.get("/v1/decisions", params={"limit": 1})).json()
        assert kept == [told]
        await pool.ask()
        assert len((await pool.http.get("/v1/decisions")).json()) == 2


async def test_pool_that_begins_and_ceases_to_refuse_says_so() -> None:
    async with FakeNode() as node, service(node, max_concurrent=1, max_queued=0) as pool:
        pace = Stepped()
        node.behaviour = ok(pace=pace)
        async with asyncio.timeout(WAIT_S), pool.events() as events:
            running = asyncio.create_task(pool.ask())
            await node.next_request()
            assert (await pool.ask()).status_code == 503
            pace.finish()
            await running
            told: list[dict[str, Any]] = []
            while len(told) < 2:
                name, data = await anext(events)
                if name == "admission":
                    told.append(data)
            assert told == [{"accepting": False, "retry_after_s": 2.0}, {"accepting": True}]


async def test_editors_are_counted() -> None:
    async with FakeNode() as node, service(node) as pool:
        async with pool.events() as one, pool.events() as two:
            await anext(one)
            await anext(two)
            assert (await pool.stats())["editors"] == 2
        await until_stats(pool, editors=0)


async def test_listener_that_is_too_slow_is_dropped_and_the_others_are_not() -> None:
    hub = Hub(on_enter=lambda: None, on_leave=lambda: None)
    slow, quick = (hub.listen(lambda: StateEvent(accepting=True, nodes=[])) for _ in range(2))
    for each in (slow, quick):
        assert (await anext(each)).startswith(b"event: state")
    for _ in range(MAX_BEHIND + 1):
        hub.publish("admission", AdmissionEvent(accepting=True))
        assert (await anext(quick)).startswith(b"event: admission")
    assert [event async for event in slow] == []
    assert hub.listeners == 1
    hub.close()
    assert [event async for event in quick] == []
    assert [event async for event in hub.listen(lambda: AdmissionEvent(accepting=True))] == []

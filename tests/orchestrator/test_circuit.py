"""The breaker in a running pool: it opens, is probed without traffic, and closes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.fakes import behaviours as b
from tests.fakes.node import WAIT_S, FakeNode
from tests.orchestrator.pool import Service, eventually, service

COOLDOWN_S = 0.3


@asynccontextmanager
async def opened(*nodes: FakeNode, cooldown_s: float = COOLDOWN_S) -> AsyncIterator[Service]:
    """Run a pool on `nodes` in which the breaker of the first has just opened."""
    async with service(*nodes, breaker_cooldown_s=cooldown_s, stall_s=1.0) as pool:
        nodes[0].behaviour = b.crash_page()
        for other in nodes[1:]:
            other.behaviour = b.refuse()
        for _ in range(3):
            await pool.ask()
        await eventually(pool, lambda seen: seen[0]["breaker"] != "closed")
        for other in nodes[1:]:
            other.behaviour = b.ok()
        yield pool


async def test_node_that_keeps_failing_is_left_alone_and_the_other_serves() -> None:
    async with FakeNode() as node, FakeNode() as other, opened(node, other, cooldown_s=60) as pool:
        asked = len(node.requests)
        for _ in range(5):
            assert (await pool.ask()).json()["node"] == "b"
        assert len(node.requests) == asked


async def test_all_left_alone_is_circuit_open_with_a_time_to_come_back() -> None:
    async with FakeNode() as node, opened(node, cooldown_s=60) as pool:
        asked = len(node.requests)
        for stream in (False, True):
            refused = await pool.ask(stream=stream)
            assert refused.status_code == 503
            assert refused.json()["error"]["code"] == "circuit-open"
            assert 40 <= int(refused.headers["retry-after"]) <= 72
        assert len(node.requests) == asked


async def test_probe_without_traffic_closes_it() -> None:
    async with FakeNode() as node, opened(node) as pool:
        asked = len(node.requests)
        node.behaviour = b.ok()
        await eventually(pool, lambda seen: seen[0]["breaker"] == "closed")
        probes = node.requests[asked:]
        assert [probe.max_tokens for probe in probes[-1:]] == [1]
        assert all(probe.cache_key == "breaker-probe" for probe in probes)
        assert (await pool.ask()).status_code == 200


async def test_probe_that_fails_opens_it_again_and_one_at_a_time_is_sent() -> None:
    async with FakeNode() as node, opened(node) as pool:
        async with asyncio.timeout(WAIT_S), pool.events() as events:
            told: list[str] = []
            async for name, data in events:
                if name == "node" and (not told or told[-1] != data["breaker"]):
                    told.append(data["breaker"])
                if told.count("half-open") == 3:
                    break
        assert [state for state in told if state != "open"] == ["half-open"] * 3
        assert all(one == "open" for one in told[told.index("half-open") + 1 :: 2])


async def test_probe_that_is_refused_closes_it() -> None:
    async with FakeNode() as node, opened(node) as pool:
        node.behaviour = b.refuse()
        await eventually(pool, lambda seen: seen[0]["breaker"] == "closed")
        assert (await pool.ask()).json()["error"]["code"] == "load-shed"


async def test_refusals_client_errors_and_cancellations_open_nothing() -> None:
    async with FakeNode() as node, service(node) as pool:
        for behaviour in (b.refuse(), b.refuse(400, None, "invalid-request"), b.unknown_model()):
            node.behaviour = behaviour
            for _ in range(4):
                await pool.ask()
        node.behaviour = b.hang_before_headers()
        for _ in range(4):
            leaving = asyncio.create_task(pool.ask())
            await node.next_request()
            leaving.cancel()
            await asyncio.gather(leaving, return_exceptions=True)
        assert (await pool.stats())["nodes"][0]["breaker"] == "closed"


async def test_node_that_died_and_returned_is_used_again_without_waiting_for_its_cooldown() -> None:
    async with FakeNode() as node, opened(node, cooldown_s=300) as pool:
        await node.die()
        await eventually(pool, lambda seen: seen[0]["state"] == "unreachable")
        node.behaviour = b.ok()
        await node.start()
        await eventually(
            pool, lambda seen: (seen[0]["state"], seen[0]["breaker"]) == ("ready", "closed")
        )
        assert (await pool.ask()).status_code == 200


async def test_many_attempts_cut_at_once_count_before_the_opening_only() -> None:
    async with FakeNode() as node, service(node, max_concurrent=16, breaker_cooldown_s=0.2) as pool:
        node.behaviour = b.hang_after(["a"])
        asking = [asyncio.create_task(pool.ask()) for _ in range(12)]
        for _ in asking:
            await node.next_request()
        await node.die()
        for answer in await asyncio.gather(*asking):
            assert answer.json()["error"]["code"] == "node-failed"
        node.behaviour = b.ok()
        await node.start()
        await eventually(
            pool, lambda seen: (seen[0]["state"], seen[0]["breaker"]) == ("ready", "closed")
        )
        assert (await pool.ask()).status_code == 200

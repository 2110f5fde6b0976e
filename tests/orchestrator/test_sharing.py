"""The same question at temperature 0: answered once, for all who ask."""

import asyncio

import httpx

from tests.e2e.processes import eventually as until
from tests.fakes.behaviours import fail_after, hang_after, ok
from tests.fakes.node import FakeNode
from tests.fakes.pacing import Stepped
from tests.orchestrator.pool import Service, eventually, service, until_stats

CACHE_BYTES = 100_000


async def test_known_answer_needs_no_node_and_replays_as_a_stream_too() -> None:
    async with FakeNode() as node, service(node, cache_bytes=CACHE_BYTES) as pool:
        first = (await pool.ask()).json()
        again = (await pool.ask(client_id="other", priority=9)).json()
        assert len(node.requests) == 1
        assert (first["from_cache"], again["from_cache"]) == (False, True)
        assert again["text"] == first["text"] == "hello world"
        assert again["usage"] == first["usage"]
        events = await pool.ask_stream()
        assert [name for name, _ in events] == ["route", "message", "message"]
        assert events[1][1] == {"token": "hello world", "total_tokens": 3}
        assert (events[2][1]["done"], events[2][1]["from_cache"]) == (True, True)
        assert len(node.requests) == 1


async def test_chance_is_not_kept() -> None:
    async with FakeNode() as node, service(node, cache_bytes=CACHE_BYTES) as pool:
        for _ in range(2):
            await pool.ask(temperature=0.1)
        assert len(node.requests) == 2


async def test_failure_is_not_kept() -> None:
    async with FakeNode() as node, service(node, cache_bytes=CACHE_BYTES) as pool:
        node.behaviour = fail_after(["a"])
        assert (await pool.ask()).status_code == 502
        node.behaviour = ok(["b"])
        assert (await pool.ask()).json()["text"] == "b"


async def test_answer_of_another_model_is_not_given() -> None:
    async with FakeNode() as node, service(node, cache_bytes=CACHE_BYTES) as pool:
        await pool.ask()
        assert node.health is not None
        node.health = node.health.model_copy(update={"model": "other"})
        await eventually(pool, lambda nodes: nodes[0]["model"] == "other")
        await pool.ask()
        assert len(node.requests) == 2


async def test_who_ask_the_same_at_once_share_one_generation() -> None:
    async with FakeNode() as node, service(node, cache_bytes=CACHE_BYTES) as pool:
        pace = Stepped()
        node.behaviour = ok(pace=pace)
        asked = [asyncio.create_task(pool.ask()) for _ in range(5)]
        await node.next_request()
        asked += [asyncio.create_task(pool.ask(stream=True)) for _ in range(5)]
        await asked_by(pool, 10)
        pace.finish()
        answers = await asyncio.gather(*asked)
        assert {answer.json()["text"] for answer in answers[:5]} == {"hello world"}
        assert all(answer.text.count('"done":true') == 1 for answer in answers[5:])
        assert len(node.requests) == 1


async def test_one_that_leaves_does_not_end_it_for_the_others() -> None:
    async with FakeNode() as node, service(node, cache_bytes=CACHE_BYTES) as pool:
        pace = Stepped()
        node.behaviour = ok(pace=pace)
        first = asyncio.create_task(pool.ask())
        await node.next_request()
        second = asyncio.create_task(pool.ask())
        await asked_by(pool, 2)
        await leave(first)
        await asked_by(pool, 1)
        pace.finish()
        assert (await second).json()["text"] == "hello world"
        assert len(node.requests) == 1


async def test_last_that_leaves_frees_the_node() -> None:
    async with FakeNode() as node, service(node, cache_bytes=CACHE_BYTES) as pool:
        node.behaviour = hang_after(["a"])
        asked = [asyncio.create_task(pool.ask()) for _ in range(3)]
        await node.next_request()
        await asked_by(pool, 3)
        for task in asked:
            await leave(task)
        await node.next_cancellation()
        await until_stats(pool, active_requests=0)
        node.behaviour = ok()
        assert (await pool.ask()).json()["text"] == "hello world"


async def test_failure_is_told_to_all() -> None:
    async with FakeNode() as node, service(node, cache_bytes=CACHE_BYTES) as pool:
        pace = Stepped()
        node.behaviour = ok(pace=pace)
        asked = [asyncio.create_task(pool.ask()) for _ in range(3)]
        await node.next_request()
        await asked_by(pool, 3)
        await node.die()
        assert {(await task).status_code for task in asked} <= {502, 503}


async def leave(task: "asyncio.Task[httpx.Response]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def asked_by(pool: Service, count: int) -> None:
    """Wait until so many callers are being answered."""

    async def is_so() -> bool:
        return f"cerebrum_requests_open {count}.0" in (await pool.http.get("/metrics")).text

    await until(is_so, f"{count} open requests")

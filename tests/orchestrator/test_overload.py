"""Queue, refusal, deadline and supersession, as a caller sees them."""

import asyncio
import time

import httpx

from tests.fakes.behaviours import hang_after, hang_before_headers, ok
from tests.fakes.node import FakeNode
from tests.fakes.pacing import Stepped
from tests.orchestrator.pool import Service, service, until_stats


def ask(pool: Service, **changes: object) -> "asyncio.Task[httpx.Response]":
    return asyncio.create_task(pool.ask(**changes))


async def test_full_pool_refuses_at_once_and_says_when_to_come_back() -> None:
    async with FakeNode() as node, service(node, max_concurrent=1, max_queued=1) as pool:
        pace = Stepped()
        node.behaviour = ok(pace=pace)
        taken = [ask(pool)]
        await node.next_request()
        taken.append(ask(pool))
        await until_stats(pool, active_requests=1, queued=1)
        for stream in (False, True):
            asked_at = time.monotonic()
            refused = await pool.ask(stream=stream)
            # 20 ms is the aim; the bound here is for a busy machine, far below any queueing.
            assert time.monotonic() - asked_at < 1.0
            assert refused.status_code == 503
            assert refused.headers["retry-after"] == "2"
            assert refused.json()["error"]["code"] == "load-shed"
            assert refused.json()["error"]["details"] == {"reason": "queue-full"}
        pace.finish()
        assert [each.status_code for each in await asyncio.gather(*taken)] == [200, 200]
        await until_stats(pool, shed_total=2, completed_total=2, active_requests=0)


async def test_queued_stream_says_so_and_then_runs() -> None:
    async with FakeNode() as node, service(node, max_concurrent=1) as pool:
        pace = Stepped()
        node.behaviour = ok(pace=pace)
        running = ask(pool)
        await node.next_request()
        async with pool.stream() as events:
            assert await anext(events) == ("progress", {"stage": "queued", "detail": {"ahead": 0}})
            pace.finish()
            names = [name for name, _ in [event async for event in events]]
            assert names[0] == "route"
            assert names.count("route") == 1
        assert (await running).status_code == 200


async def test_newest_request_for_a_document_takes_the_waiting_ones_place() -> None:
    async with FakeNode() as node, service(node, max_concurrent=1) as pool:
        pace = Stepped()
        node.behaviour = ok(pace=pace)
        running = ask(pool)
        await node.next_request()
        mine = {"client_id": "c", "document_id": "d"}
        older = ask(pool, prompt="older", **mine)
        await until_stats(pool, queued=1)
        other = ask(pool, prompt="other", client_id="c", document_id="e")
        await until_stats(pool, queued=2)
        newer = ask(pool, prompt="newer", **mine)
        superseded = await older
        assert (superseded.status_code, superseded.json()["error"]["code"]) == (409, "superseded")
        pace.finish()
        assert [each.status_code for each in await asyncio.gather(running, other, newer)] == [
            200,
            200,
            200,
        ]
        assert [asked.prompt for asked in node.requests[1:]] == ["newer", "other"]
        await until_stats(pool, cancelled_total=1, completed_total=3)


async def test_superseded_stream_ends_in_one_error() -> None:
    async with FakeNode() as node, service(node, max_concurrent=1) as pool:
        pace = Stepped()
        node.behaviour = ok(pace=pace)
        mine = {"client_id": "c", "document_id": "d"}
        running = ask(pool)
        await node.next_request()
        async with pool.stream(**mine) as older:
            await anext(older)
            newer = ask(pool, **mine)
            rest = [data async for _, data in older]
            assert [data["error"] for data in rest] == ["superseded"]
        pace.finish()
        assert [each.status_code for each in await asyncio.gather(running, newer)] == [200, 200]


async def test_deadline_before_anything_was_sent_is_504() -> None:
    async with FakeNode() as node, service(node) as pool:
        node.behaviour = hang_before_headers()
        for stream in (False, True):
            late = await pool.ask(deadline_ms=500, stream=stream)
            assert (late.status_code, late.json()["error"]["code"]) == (504, "deadline")
            await node.next_cancellation()
        await until_stats(pool, failed_total=2, active_requests=0)


async def test_deadline_of_a_json_answer_holds_while_tokens_come() -> None:
    async with FakeNode() as node, service(node) as pool:
        node.behaviour = hang_after(["a", "b"])
        late = await pool.ask(deadline_ms=500)
        assert (late.status_code, late.json()["error"]["code"]) == (504, "deadline")
        await node.next_cancellation()


async def test_deadline_in_a_stream_lets_stand_what_was_sent() -> None:
    async with FakeNode() as node, service(node) as pool:
        node.behaviour = hang_after(["a", "b"])
        events = await pool.ask_stream(deadline_ms=1500)
        assert [data["token"] for _, data in events if "token" in data] == ["a", "b"]
        assert [data["error"] for _, data in events if data.get("done")] == ["deadline"]
        await node.next_cancellation()


async def test_deadline_in_the_queue_is_a_deadline_and_frees_the_place() -> None:
    async with FakeNode() as node, service(node, max_concurrent=1) as pool:
        pace = Stepped()
        node.behaviour = ok(pace=pace)
        running = ask(pool)
        await node.next_request()
        late = await pool.ask(deadline_ms=50)
        assert (late.status_code, late.json()["error"]["code"]) == (504, "deadline")
        await until_stats(pool, queued=0)
        pace.finish()
        assert (await running).status_code == 200


async def test_waiting_without_a_deadline_ends_too() -> None:
    async with FakeNode() as node, service(node, max_concurrent=1, start_wait_s=0.2) as pool:
        pace = Stepped()
        node.behaviour = ok(pace=pace)
        running = ask(pool)
        await node.next_request()
        refused = await pool.ask()
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "load-shed")
        assert "retry-after" in refused.headers
        pace.finish()
        assert (await running).status_code == 200


async def test_sixty_four_streams_at_once() -> None:
    async with FakeNode() as node, service(node, max_concurrent=64) as pool:
        pace = Stepped()
        node.behaviour = ok(pace=pace)
        asking = [asyncio.create_task(pool.ask_stream()) for _ in range(64)]
        for _ in asking:
            await node.next_request()
        assert node.running == 64
        pace.finish()
        for events in await asyncio.gather(*asking):
            assert "".join(data.get("token", "") for _, data in events) == "hello world"

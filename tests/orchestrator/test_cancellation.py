"""A client that goes away takes its request with it, wherever that is."""

import asyncio

import httpx

from tests.fakes.behaviours import hang_after, hang_before_headers, ok
from tests.fakes.node import WAIT_S, FakeNode
from tests.fakes.pacing import Stepped
from tests.orchestrator.pool import ASK, Service, service, until_stats


async def leave(asking: "asyncio.Task[httpx.Response]") -> None:
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)


def ask(pool: Service, **changes: object) -> "asyncio.Task[httpx.Response]":
    return asyncio.create_task(pool.ask(**changes))


async def test_leaving_a_stream_reaches_the_node() -> None:
    async with FakeNode() as node, service(node) as pool:
        node.behaviour = hang_after(["a"])
        async with pool.stream() as events:
            assert [await anext(events) for _ in range(2)][1][1]["token"] == "a"
            assert (await pool.stats())["nodes"][0]["in_flight"] == 1
        await node.next_cancellation()
        assert node.running == 0
        stats = await until_stats(pool, active_requests=0, cancelled_total=1)
        assert stats["nodes"][0]["in_flight"] == 0
        assert (stats["completed_total"], stats["failed_total"]) == (0, 0)


async def test_leaving_a_stream_before_its_first_event_reaches_the_node() -> None:
    async with FakeNode() as node, service(node) as pool:
        node.behaviour = hang_before_headers()
        leaving = ask(pool, stream=True)
        await node.next_request()
        await leave(leaving)
        await node.next_cancellation()
        await until_stats(pool, active_requests=0, cancelled_total=1)


async def test_leaving_without_streaming_reaches_the_node() -> None:
    async with FakeNode() as node, service(node) as pool:
        for behaviour in (hang_before_headers(), hang_after(["a"])):
            node.behaviour = behaviour
            leaving = ask(pool)
            await node.next_request()
            await leave(leaving)
            await node.next_cancellation()
        await until_stats(pool, active_requests=0, cancelled_total=2)


async def test_leaving_the_queue_never_reaches_the_node() -> None:
    async with FakeNode() as node, service(node, max_concurrent=1) as pool:
        pace = Stepped()
        node.behaviour = ok(pace=pace)
        running = ask(pool)
        await node.next_request()
        for stream in (False, True):
            waiting = ask(pool, stream=stream)
            await until_stats(pool, active_requests=1, queued=1)
            await leave(waiting)
            await until_stats(pool, queued=0)
        pace.finish()
        assert (await running).status_code == 200
        assert len(node.requests) == 1
        await until_stats(pool, completed_total=1, cancelled_total=2)


async def test_slot_of_one_who_left_goes_to_the_next() -> None:
    async with FakeNode() as node, service(node, max_concurrent=1) as pool:
        node.behaviour = hang_after(["a"])
        leaving = ask(pool)
        await node.next_request()
        waiting = ask(pool)
        await until_stats(pool, queued=1)
        node.behaviour = ok()
        await leave(leaving)
        assert (await asyncio.wait_for(waiting, WAIT_S)).json()["text"] == "hello world"


async def test_reader_that_stops_reading_and_leaves_reaches_the_node() -> None:
    """The stream is stuck in a full socket then, not waiting for the node."""
    async with FakeNode() as node, service(node) as pool:
        node.behaviour = ok(["x" * 100_000] * 1000)
        host, port = pool.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        body = b'{"prompt": "x", "max_tokens": 1000, "stream": true}'
        writer.write(
            b"POST /v1/complete HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            + f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        await reader.readuntil(b"token")
        writer.transport.abort()
        await node.next_cancellation()
        await until_stats(pool, active_requests=0, cancelled_total=1)


async def test_no_connection_or_place_is_lost_over_many_cancellations() -> None:
    async with FakeNode() as node, service(node, max_concurrent=4) as pool:
        for round_ in range(30):
            node.behaviour = hang_after(["a"]) if round_ % 2 else hang_before_headers()
            leaving = [ask(pool, stream=bool(at % 2)) for at in range(4)]
            for _ in leaving:
                await node.next_request()
            await asyncio.gather(*(leave(each) for each in leaving))
            for _ in leaving:
                await node.next_cancellation()
        stats = await until_stats(pool, active_requests=0, queued=0, cancelled_total=120)
        assert stats["nodes"][0]["in_flight"] == node.running == 0
        node.behaviour = ok()
        assert (await pool.http.post("/v1/complete", json=ASK)).status_code == 200

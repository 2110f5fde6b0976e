"""Batches: in order, each for itself, and never in anybody's way."""

import asyncio
from typing import Any

from cerebrum_kit.wire import TokenEvent
from orchestrator.batch import Batches
from orchestrator.errors import LoadShedError
from orchestrator.life import Events
from orchestrator.traffic import Traffic
from orchestrator.wire import BatchRequest, CompleteRequest
from tests.e2e.processes import eventually
from tests.fakes.behaviours import hang_after, ok, refuse
from tests.fakes.node import WAIT_S, FakeNode
from tests.orchestrator.pool import Service, service, until_stats


async def results(pool: Service, *asked: dict[str, Any]) -> list[dict[str, Any]]:
    response = await pool.http.post("/v1/complete/batch", json={"requests": asked})
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["results"]
    return found


async def until_first_tokens(pool: Service, count: int) -> None:
    """Wait until so many requests have had their first token."""

    async def is_so() -> bool:
        shown = (await pool.http.get("/metrics")).text
        return f"cerebrum_first_token_seconds_count {count}.0" in shown

    await eventually(is_so, f"{count} first tokens")


async def test_results_are_in_order_each_with_its_own_error() -> None:
    async with FakeNode() as node, service(node) as pool:
        told = await results(
            pool,
            {"prompt": "a", "max_tokens": 1},
            {"prompt": 5},
            {"prompt": "x" * 17_000},
            {"infill": {"prefix": "b"}, "language": "rust"},
        )
        assert [each.get("ok", {}).get("text") for each in told] == [
            "hello",
            None,
            None,
            "hello world",
        ]
        codes = [each.get("error", {}).get("code") for each in told]
        assert codes == [None, "invalid-request", "too-large", None]


async def test_empty_batch_and_no_batch_are_refused() -> None:
    async with FakeNode() as node, service(node) as pool:
        bodies: list[dict[str, object]] = [{}, {"requests": []}, {"requests": ["x"]}]
        for body in bodies:
            response = await pool.http.post("/v1/complete/batch", json=body)
            assert (response.status_code, response.json()["error"]["code"]) == (
                400,
                "invalid-request",
            )


async def test_long_batch_is_not_shed() -> None:
    async with FakeNode() as node, service(node, max_queued=1) as pool:
        told = await results(pool, *[{"prompt": f"p{at}"} for at in range(30)])
        assert all("ok" in each for each in told)
        assert len(node.requests) == 30


async def test_interactive_work_cuts_it_and_it_goes_on_from_its_text() -> None:
    async with FakeNode() as node, service(node) as pool:
        node.behaviour = hang_after(["one ", "two "])
        batch = asyncio.create_task(results(pool, {"prompt": "x", "max_tokens": 9}))
        await node.next_request()
        await until_first_tokens(pool, 1)
        node.behaviour = ok(["now"])
        assert (await pool.ask(prompt="y")).json()["text"] == "now"
        await node.next_cancellation()
        node.behaviour = ok(["three"])
        [told] = await batch
        assert told["ok"]["text"] == "one two three"
        assert told["ok"]["usage"]["completion_tokens"] == 3
        again = node.requests[-1]
        assert (again.continue_from, again.max_tokens) == ("one two ", 7)


async def test_caller_that_leaves_ends_all_of_it() -> None:
    async with FakeNode() as node, service(node) as pool:
        node.behaviour = hang_after(["a"])
        batch = asyncio.create_task(results(pool, *[{"prompt": "x"}] * 5))
        await node.next_request()
        await node.next_request()
        batch.cancel()
        await asyncio.gather(batch, return_exceptions=True)
        for _ in range(2):
            await node.next_cancellation()
        await until_stats(pool, active_requests=0, queued=0)


async def test_refusals_are_waited_out_and_at_last_told() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async with FakeNode() as node, service(node) as pool:
        node.behaviour = refuse(503, 7)

        async def complete(request: CompleteRequest) -> Events:
            asked = request.model_dump(exclude_none=True)
            response = await pool.http.post("/v1/complete", json=asked)
            if response.status_code == 503:
                error = response.json()["error"]
                raise LoadShedError("busy", retry_after_s=error["retry_after_s"])
            yield TokenEvent(token=response.json()["text"], total_tokens=1)

        batches = Batches(complete, Traffic(), at_once=1, settle_s=0.0, sleep=sleep)
        [told] = (await batches.run(BatchRequest(requests=[{"prompt": "x"}]))).results
        assert told.error is not None
        assert told.error.code == "load-shed"
        assert slept == [7.0] * 19


async def test_quiet_is_when_nobody_has_been_there_for_a_while() -> None:
    traffic = Traffic()
    stay = asyncio.Event()

    async def events() -> Events:
        await stay.wait()
        yield TokenEvent(token="a", total_tokens=1)

    async def ask() -> None:
        async for _ in traffic.counted(events()):
            pass

    await asyncio.wait_for(traffic.quiet(0.0), WAIT_S)
    asking = asyncio.create_task(ask())
    await asyncio.wait_for(traffic.busy(), WAIT_S)
    waiting = asyncio.create_task(traffic.quiet(0.0))
    await asyncio.sleep(0)
    assert not waiting.done()
    stay.set()
    await asyncio.wait_for(waiting, WAIT_S)
    await asking

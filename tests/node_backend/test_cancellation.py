"""What a client leaves behind when it goes away: nothing, as the engine itself says."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import psutil
import pytest

from tests.node_backend.nodes import NodeProcess
from tests.node_backend.waiting import until

pytestmark = pytest.mark.e2e

ENDLESS: dict[str, object] = {"prompt": "import ", "max_tokens": 4000}
DECODE_LIMIT_S, PREFILL_LIMIT_S, ATTEMPTS = 0.1, 0.5, 8
LONG_PROMPT = "".join(f"value_{n} = {n}\n" for n in range(400))
"""Seconds of prefill, and short enough not to be cut: without its beginning it would be cached."""


def uncached(prompt: str) -> str:
    """Return a prompt that is in no cache."""
    return f"# {time.monotonic_ns()}\n{prompt}"


async def free_within_s(node: NodeProcess, *, busy: int) -> float:
    """Return the seconds until the engine reports only `busy` slots as busy."""
    left_at = time.monotonic()
    await node.until_slots(busy=busy)
    return time.monotonic() - left_at


async def quickest_s(attempt: Callable[[], Awaitable[float]], limit_s: float) -> float:
    """Return the shortest of some times, or the first within the limit.

    The limit is the product's; what exceeds it now and then is the machine that runs the tests.
    """
    best_s = await attempt()
    for _ in range(ATTEMPTS - 1):
        if best_s <= limit_s:
            break
        best_s = min(best_s, await attempt())
    return best_s


async def test_a_client_that_leaves_while_decoding_frees_the_slot(
    reciting_node: NodeProcess,
) -> None:
    async def attempt() -> float:
        async with reciting_node.streaming_until("token", **ENDLESS):
            await reciting_node.until_slots(busy=1)
        return await free_within_s(reciting_node, busy=0)

    assert await quickest_s(attempt, DECODE_LIMIT_S) <= DECODE_LIMIT_S
    assert (await reciting_node.stats()).active_requests == 0


async def test_a_client_that_leaves_while_decoding_beside_another_stream_frees_the_slot(
    reciting_node: NodeProcess,
) -> None:
    async def attempt() -> float:
        async with reciting_node.streaming_until("token", **ENDLESS):
            await reciting_node.until_slots(busy=2)
        return await free_within_s(reciting_node, busy=1)

    async with reciting_node.streaming_until("token", cache_key="beside", **ENDLESS):
        assert await quickest_s(attempt, DECODE_LIMIT_S) <= DECODE_LIMIT_S


async def test_a_client_that_leaves_without_streaming_frees_the_slot(
    reciting_node: NodeProcess,
) -> None:
    cancelled = (await reciting_node.stats()).cancelled_total

    async def attempt() -> float:
        request = asyncio.create_task(reciting_node.ask(**ENDLESS))
        await reciting_node.until_slots(busy=1)
        request.cancel()
        return await free_within_s(reciting_node, busy=0)

    assert await quickest_s(attempt, DECODE_LIMIT_S) <= DECODE_LIMIT_S
    assert (await reciting_node.stats()).cancelled_total > cancelled


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_before_the_first_token_frees_the_slot(
    reciting_node: NodeProcess, *, stream: bool
) -> None:
    """Beside another stream, which shares every step of the engine and keeps it computing.

    So the engine's own time is taken: on a busy machine it is what the wall's would be without.
    """
    engine = psutil.Process(await reciting_node.engine_pid())

    async def attempt() -> float:
        body = {"prompt": uncached(LONG_PROMPT), "max_tokens": 1}
        if stream:
            async with reciting_node.streaming_until("prefill", **body) as events:
                assert not any("token" in data for _, data in events)
                assert events[-1][1]["detail"]["processed"] < events[-1][1]["detail"]["total"] / 2
                await reciting_node.until_slots(busy=2)
        else:
            request = asyncio.create_task(reciting_node.ask(**body))
            await reciting_node.until_slots(busy=2)
            request.cancel()
        before_s = engine.cpu_times().user
        await free_within_s(reciting_node, busy=1)
        return engine.cpu_times().user - before_s

    async with reciting_node.streaming_until("token", cache_key="beside", **ENDLESS):
        assert await quickest_s(attempt, PREFILL_LIMIT_S) <= PREFILL_LIMIT_S


async def test_a_client_that_leaves_while_the_model_is_loading_frees_the_slot(
    own_node: NodeProcess,
) -> None:
    """The load goes on: the next request will want it."""
    await own_node.http.post("/v1/cleanup")
    async with own_node.streaming_until("loading", prompt="x", max_tokens=1):
        assert (await own_node.stats()).active_requests == 1
    begun_at = time.monotonic()

    async def is_free() -> bool:
        return (await own_node.stats()).active_requests == 0

    await until(is_free)
    assert time.monotonic() - begun_at < 3.0
    await own_node.until_ready()
    assert (await own_node.stats()).cancelled_total == 1


async def test_health_answers_while_the_engine_computes(reciting_node: NodeProcess) -> None:
    body = {"prompt": uncached(LONG_PROMPT), "max_tokens": 1}
    async with reciting_node.streaming_until("prefill", **body):
        took_s = []
        for _ in range(10):
            asked_at = time.monotonic()
            assert (await reciting_node.health()).state == "ready"
            took_s.append(time.monotonic() - asked_at)
    assert min(took_s) < 0.05


async def test_two_compute_side_by_side_and_the_third_waits_until_it_leaves(
    reciting_node: NodeProcess,
) -> None:
    async with (
        reciting_node.streaming_until("token", cache_key="a", **ENDLESS),
        reciting_node.streaming_until("token", cache_key="b", **ENDLESS),
    ):
        async with reciting_node.streaming_until("queued", **ENDLESS):
            assert (await reciting_node.stats()).queued == 1

        async def is_queue_empty() -> bool:
            return (await reciting_node.stats()).queued == 0

        await until(is_queue_empty)
        await reciting_node.until_slots(busy=2)


async def test_who_waits_gets_the_slot_of_who_left(reciting_node: NodeProcess) -> None:
    async with reciting_node.streaming_until("token", **ENDLESS):
        async with reciting_node.streaming_until("token", **ENDLESS):
            waiting = asyncio.create_task(reciting_node.infer(prompt="x", max_tokens=2))

            async def is_waiting() -> bool:
                return (await reciting_node.stats()).queued == 1

            await until(is_waiting)
        answer = await waiting
    assert answer.total_tokens == 2
    assert answer.timings.queue_ms > 0

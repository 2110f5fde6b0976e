"""What a client leaves behind when it goes away: nothing, as the engine itself says."""

import asyncio
import time

import pytest

from tests.node_backend.nodes import NodeProcess
from tests.node_backend.waiting import until

pytestmark = pytest.mark.e2e

ENDLESS: dict[str, object] = {"prompt": "import ", "max_tokens": 4000}
LONG_PROMPT = "".join(f"value_{n} = {n}\n" for n in range(900))  # seconds of prefill


def uncached(prompt: str) -> str:
    """Return a prompt that is in no cache."""
    return f"# {time.monotonic_ns()}\n{prompt}"


async def free_within_s(node: NodeProcess, *, busy: int) -> float:
    """Return the seconds until the engine reports only `busy` slots as busy."""
    left_at = time.monotonic()
    await node.until_slots(busy=busy)
    return time.monotonic() - left_at


async def test_a_client_that_leaves_while_decoding_frees_the_slot(
    reciting_node: NodeProcess,
) -> None:
    async with reciting_node.streaming_until("token", **ENDLESS):
        await reciting_node.until_slots(busy=1)
    assert await free_within_s(reciting_node, busy=0) < 3.0
    assert (await reciting_node.stats()).active_requests == 0


async def test_a_client_that_leaves_without_streaming_frees_the_slot(
    reciting_node: NodeProcess,
) -> None:
    cancelled = (await reciting_node.stats()).cancelled_total
    request = asyncio.create_task(reciting_node.ask(**ENDLESS))
    await reciting_node.until_slots(busy=1)
    request.cancel()
    assert await free_within_s(reciting_node, busy=0) < 3.0
    assert (await reciting_node.stats()).cancelled_total == cancelled + 1


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_before_the_first_token_frees_the_slot(
    reciting_node: NodeProcess, *, stream: bool
) -> None:
    """Beside another stream, which shares every step of the engine."""
    async with reciting_node.streaming_until("token", cache_key="beside", **ENDLESS):
        body = {"prompt": uncached(LONG_PROMPT), "max_tokens": 1}
        if stream:
            async with reciting_node.streaming_until("prefill", **body) as events:
                assert not any("token" in data for _, data in events)
                await reciting_node.until_slots(busy=2)
        else:
            request = asyncio.create_task(reciting_node.ask(**body))
            await reciting_node.until_slots(busy=2)
            request.cancel()
        assert await free_within_s(reciting_node, busy=1) < 3.0


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

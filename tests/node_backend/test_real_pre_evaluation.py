"""Prompts read ahead on the real engine: what a request after it, or amid it, has to wait for."""

import asyncio
import time

import pytest

from tests.node_backend.nodes import NodeProcess
from tests.node_backend.test_cancellation import (
    ATTEMPTS,
    PREFILL_LIMIT_S,
    quickest_s,
    uncached,
)

pytestmark = pytest.mark.e2e

PROMPT = "".join(f"value_{n} = {n}\n" for n in range(250))  # within the context: nothing is cut
DOCUMENT = {"cache_key": "document", "max_tokens": 2}


async def test_a_request_after_it_reads_next_to_nothing(reciting_node: NodeProcess) -> None:
    prompt = uncached(PROMPT)
    ahead = await reciting_node.infer(prompt=prompt, purpose="pre-evaluate", **DOCUMENT)
    assert (ahead.text, ahead.total_tokens, ahead.finish_reason) == ("", 0, "stop")
    assert ahead.usage.prompt_tokens - ahead.usage.cached_tokens > 1000
    answer = await reciting_node.infer(prompt=f"{prompt}value", **DOCUMENT)
    assert answer.total_tokens == 2
    assert answer.usage.prompt_tokens - answer.usage.cached_tokens < 20


async def test_a_request_amid_it_waits_no_longer_than_for_a_cancelled_one(
    reciting_node: NodeProcess,
) -> None:
    """And what had been read by then is not read again."""
    read = []

    async def attempt() -> float:
        prompt = uncached(PROMPT)
        body = {"prompt": prompt, "purpose": "pre-evaluate", **DOCUMENT}
        async with reciting_node.streaming_until("prefill", **body):
            await reciting_node.until_slots(busy=1)
            asked_at = time.monotonic()
            answer = await reciting_node.infer(prompt="x = 1\n", cache_key="else", max_tokens=1)
            took_s = time.monotonic() - asked_at
        again = await reciting_node.infer(prompt=prompt, **DOCUMENT)
        read.append(again.usage.cached_tokens)
        assert answer.total_tokens == 1
        return took_s

    assert await quickest_s(attempt, PREFILL_LIMIT_S) <= PREFILL_LIMIT_S
    assert max(read) > 0
    assert len(read) <= ATTEMPTS


async def test_its_stream_says_that_it_made_way(reciting_node: NodeProcess) -> None:
    prompt = uncached(PROMPT)
    ahead = asyncio.create_task(
        reciting_node.collect(prompt=prompt, purpose="pre-evaluate", **DOCUMENT)
    )
    await reciting_node.until_slots(busy=1)
    before = await reciting_node.stats()
    await reciting_node.infer(prompt="x = 1\n", max_tokens=1)
    events = await ahead
    assert not any("token" in data for _, data in events)
    assert [data["finish_reason"] for _, data in events if data.get("done")] == ["cancelled"]
    after = await reciting_node.stats()
    assert after.pre_evaluated_total == before.pre_evaluated_total + 1
    assert after.cancelled_total == before.cancelled_total

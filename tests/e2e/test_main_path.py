"""The whole product: a real LSP client, daemon, orchestrator, node and engine, nothing replaced."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.editor import Editor, editor
from tests.e2e.pool import Pool, running_pool
from tests.e2e.processes import kill

pytestmark = pytest.mark.e2e

CODE = "import os\n\n\ndef read_lines(path):\n    with open(path) as file:\n        return "
LONG: dict[str, Any] = {"maxTokens": 2048}
"""Seconds on any machine: what is cancelled goes on for most of one, in case it is asked again."""


@pytest.fixture
async def pool(tmp_path: Path) -> AsyncIterator[Pool]:
    """A pool that serves the bundled model."""
    async with running_pool(tmp_path) as pool:
        yield pool


@pytest.fixture
async def slow_pool(tmp_path: Path, slow_model: Path) -> AsyncIterator[Pool]:
    """A pool whose model goes on for seconds, so that there is a middle to interfere with."""
    async with running_pool(tmp_path, slow_model) as pool:
        yield pool


async def until_decoding(client: Editor, text: str = CODE) -> "asyncio.Future[Any]":
    """Ask for a completion and wait until its first text has come."""
    client.open(text)
    request = client.ask(text.count("\n"), len(text.rpartition("\n")[2]))
    await asyncio.wait_for(client.has_grown.wait(), 30)
    return request


async def test_a_completion_streams_and_ends_with_its_text_and_times(pool: Pool) -> None:
    async with editor(pool.environment) as client:
        await client.until_state("ready")
        shown = await client.complete(CODE)
        record = await client.outcome()
        assert record["outcome"] == "shown"
        assert shown
        assert shown.startswith(client.grown[0])
        assert record["completion_tokens"] >= 1
        assert record["prompt_tokens"] > 10
        assert record["stages"]["prefill_ms"] > 0
        assert record["stages"]["decode_ms"] > 0
        assert 0 < record["stages"]["first_token_ms"] <= record["stages"]["total_ms"]
        assert await client.goodbye() == 0


async def test_a_prompt_that_grew_is_read_only_at_its_end(pool: Pool) -> None:
    async with editor(pool.environment) as client:
        await client.complete(CODE)
        await client.complete(CODE + "file")
        record = await client.outcome()
        assert record["cached_tokens"] > 0.5 * record["prompt_tokens"]


async def test_cancelling_frees_the_engines_own_slot(slow_pool: Pool) -> None:
    async with editor(slow_pool.environment, **LONG) as client:
        request = await until_decoding(client)
        await slow_pool.until_slots(busy=1)
        client.cancel_newest()
        with pytest.raises(Exception, match="cancel"):
            await request
        await slow_pool.until_slots(busy=0)
        assert (await client.outcome())["outcome"] == "cancelled"
        await slow_pool.until_counted(cancelled_total=1)


async def test_a_newer_request_supersedes_the_older(slow_pool: Pool) -> None:
    async with editor(slow_pool.environment, **LONG) as client:
        older = await until_decoding(client)
        newer = await until_decoding(client, "names = ")
        assert await older is None
        await slow_pool.until_slots(busy=1)
        assert not newer.done()
        client.cancel_newest()
        await asyncio.gather(newer, return_exceptions=True)
        await slow_pool.until_slots(busy=0)


async def test_an_engine_killed_in_mid_generation_costs_one_request(slow_pool: Pool) -> None:
    async with editor(slow_pool.environment, **LONG) as client:
        request = await until_decoding(client)
        engine = slow_pool.engine_pid
        kill(engine)
        assert await request is None
        assert (await client.outcome())["outcome"].startswith("failed:")
        assert await client.complete(CODE)
        assert slow_pool.engine_pid != engine
        assert (await slow_pool.node_stats()).engine_restarts_total == 1


async def test_an_editor_that_is_killed_frees_its_slot(slow_pool: Pool) -> None:
    async with editor(slow_pool.environment, **LONG) as client:
        request = await until_decoding(client)
        await slow_pool.until_slots(busy=1)
        kill(client.pid)
        with pytest.raises(RuntimeError, match="exited"):
            await request
        await slow_pool.until_slots(busy=0)
    async with editor(slow_pool.environment) as client:
        assert await client.complete(CODE)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_of_plain_http_that_leaves_frees_its_slot(
    slow_pool: Pool, stream: bool
) -> None:
    body = {"prompt": "items = ", "max_tokens": 1500, "stream": stream}
    url = f"{slow_pool.orchestrator.url}/v1/complete"
    headers = slow_pool.orchestrator.headers
    request = asyncio.create_task(slow_pool.http.post(url, json=body, headers=headers))
    await slow_pool.until_slots(busy=1)
    request.cancel()
    await asyncio.gather(request, return_exceptions=True)
    await slow_pool.until_slots(busy=0)
    assert (await slow_pool.stats()).active_requests == 0


async def test_the_documents_own_example_works_over_plain_http(pool: Pool) -> None:
    body = {"prompt": "def hello():", "language": "python", "max_tokens": 50}
    url = f"{pool.orchestrator.url}/v1/complete"
    answer = await pool.http.post(url, json=body, headers=pool.orchestrator.headers)
    assert answer.status_code == 200
    fields = answer.json()
    assert {"text", "finish_reason", "model", "node", "usage", "timings", "context"} <= set(fields)
    assert fields["usage"]["completion_tokens"] <= 50

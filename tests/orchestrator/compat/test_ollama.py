"""The pool by Ollama's official client."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import ollama
import pytest

from tests.fakes.behaviours import MODEL, fail_after, hang_after, refuse
from tests.fakes.node import FakeNode
from tests.orchestrator.pool import Service, service, until_stats


@asynccontextmanager
async def client(pool: Service, key: str = "none") -> AsyncIterator[ollama.AsyncClient]:
    opened = ollama.AsyncClient(pool.url, headers={"Authorization": f"Bearer {key}"}, timeout=30)
    try:
        yield opened
    finally:
        await opened._client.aclose()


async def test_generate() -> None:
    async with FakeNode() as node, service(node) as pool, client(pool) as pooled:
        answer = await pooled.generate(
            MODEL, "Hello?", system="Be brief.", options={"num_predict": 9, "stop": ["x"]}
        )
        assert (answer.response, answer.done, answer.done_reason) == ("hello world", True, "stop")
        assert (answer.model, answer.eval_count) == (MODEL, 3)
        assert answer.prompt_eval_duration == 20_000_000
        asked = await node.next_request()
        assert asked.messages is not None
        turns = [(turn.role, turn.content) for turn in asked.messages]
        assert turns == [("system", "Be brief."), ("user", "Hello?")]
        assert (asked.max_tokens, asked.stop) == (9, ["x"])


async def test_raw_and_suffix_go_without_a_template() -> None:
    async with FakeNode() as node, service(node) as pool, client(pool) as pooled:
        await pooled.generate(MODEL, "def f():", raw=True)
        assert (await node.next_request()).prompt == "def f():"
        await pooled.generate(f"{MODEL}:latest", "a", suffix="b")
        asked = await node.next_request()
        assert asked.infill is not None
        assert (asked.infill.prefix, asked.infill.suffix, asked.model) == ("a", "b", MODEL)


async def test_generate_as_a_stream() -> None:
    async with FakeNode() as node, service(node) as pool, client(pool) as pooled:
        parts = [part async for part in await pooled.generate(MODEL, "x", stream=True)]
        assert [part.response for part in parts] == ["hello", " ", "world", ""]
        assert [part.done for part in parts] == [False, False, False, True]


async def test_stream_is_the_default_and_is_ndjson() -> None:
    async with FakeNode() as node, service(node) as pool:
        answer = await pool.http.post("/api/generate", json={"model": MODEL, "prompt": "x"})
        assert answer.headers["content-type"] == "application/x-ndjson"
        assert answer.text.count("\n") == 4


async def test_chat_both_ways() -> None:
    async with FakeNode() as node, service(node) as pool, client(pool) as pooled:
        messages = [{"role": "user", "content": "Hello?"}]
        assert (await pooled.chat(MODEL, messages)).message.content == "hello world"
        parts = [part async for part in await pooled.chat(MODEL, messages, stream=True)]
        assert "".join(part.message.content or "" for part in parts) == "hello world"
        assert parts[-1].done_reason == "stop"


async def test_empty_prompt_loads_the_model() -> None:
    async with FakeNode() as node, service(node) as pool, client(pool) as pooled:
        answer = await pooled.generate(MODEL)
        assert (answer.response, answer.done_reason) == ("", "load")
        assert (await node.next_request()).max_tokens == 1


async def test_lists_of_models() -> None:
    async with FakeNode() as node, service(node) as pool, client(pool) as pooled:
        assert [model.model for model in (await pooled.list()).models] == [MODEL]
        assert [model.model for model in (await pooled.ps()).models] == [MODEL]
        assert "insert" in ((await pooled.show(MODEL)).capabilities or ())
        with pytest.raises(ollama.ResponseError) as missing:
            await pooled.show("none")
        assert missing.value.status_code == 404
        assert "version" in (await pool.http.get("/api/version")).json()


async def test_abort_frees_the_node() -> None:
    async with FakeNode() as node, service(node) as pool, client(pool) as pooled:
        node.behaviour = hang_after(["a"])

        async def read() -> None:
            async for _ in await pooled.generate(MODEL, "x", stream=True):
                pass

        reading = asyncio.create_task(read())
        await node.next_request()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await node.next_cancellation()
        await until_stats(pool, active_requests=0)


async def test_errors_are_the_client_s_own() -> None:
    async with FakeNode() as node, service(node, key="k") as pool:
        async with client(pool, "wrong") as pooled:
            with pytest.raises(ollama.ResponseError) as refused:
                await pooled.generate(MODEL, "x")
            assert (refused.value.status_code, refused.value.error) == (401, "the key is wrong")
        async with client(pool, "k") as pooled:
            node.behaviour = refuse(503, 7)
            with pytest.raises(ollama.ResponseError) as shed:
                await pooled.generate(MODEL, "x")
            assert shed.value.status_code == 503
            node.behaviour = fail_after(["a"])
            with pytest.raises(ollama.ResponseError, match="engine died"):
                [part async for part in await pooled.generate(MODEL, "x", stream=True)]

"""The pool by OpenAI's official client."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import openai
import pytest

from tests.fakes.behaviours import MODEL, fail_after, hang_after, ok, refuse, unknown_model
from tests.fakes.node import FakeNode
from tests.orchestrator.pool import Service, service, until_stats


@asynccontextmanager
async def client(pool: Service, key: str = "none") -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        base_url=f"{pool.url}/v1", api_key=key, max_retries=0, timeout=30
    ) as opened:
        yield opened


async def test_completion() -> None:
    async with FakeNode() as node, service(node) as pool, client(pool) as pooled:
        answer = await pooled.completions.create(
            model=MODEL, prompt="def hello():", max_tokens=50, temperature=0.3, stop="\n\n"
        )
        assert (answer.object, answer.model) == ("text_completion", MODEL)
        assert (answer.choices[0].text, answer.choices[0].finish_reason) == ("hello world", "stop")
        assert answer.usage is not None
        assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (3, 6)
        asked = await node.next_request()
        assert (asked.prompt, asked.model, asked.max_tokens) == ("def hello():", MODEL, 50)
        assert (asked.temperature, asked.stop) == (0.3, ["\n\n"])


async def test_suffix_is_infill() -> None:
    async with FakeNode() as node, service(node) as pool, client(pool) as pooled:
        await pooled.completions.create(model=MODEL, prompt="a", suffix="b")
        asked = await node.next_request()
        assert asked.infill is not None
        assert (asked.infill.prefix, asked.infill.suffix, asked.prompt) == ("a", "b", None)


async def test_stream_with_usage() -> None:
    async with FakeNode() as node, service(node) as pool, client(pool) as pooled:
        stream = await pooled.completions.create(
            model=MODEL, prompt="x", stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
        texts = [chunk.choices[0].text for chunk in chunks if chunk.choices]
        assert texts == ["hello", " ", "world", ""]
        assert len({chunk.id for chunk in chunks}) == 1
        assert chunks[-2].choices[0].finish_reason == "stop"
        assert chunks[-1].choices == []
        assert chunks[-1].usage is not None
        assert chunks[-1].usage.completion_tokens == 3


async def test_stream_ends_with_done() -> None:
    async with FakeNode() as node, service(node) as pool:
        answer = await pool.http.post("/v1/completions", json={"prompt": "x", "stream": True})
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.text.endswith("\n\ndata: [DONE]\n\n")


async def test_chat() -> None:
    async with FakeNode() as node, service(node) as pool, client(pool) as pooled:
        answer = await pooled.chat.completions.create(
            model=MODEL,
            messages=[
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "Hello?"}]},
            ],
            max_completion_tokens=9,
        )
        assert answer.choices[0].message.content == "hello world"
        assert answer.choices[0].message.role == "assistant"
        asked = await node.next_request()
        assert asked.messages is not None
        turns = [(turn.role, turn.content) for turn in asked.messages]
        assert turns == [("system", "Be brief."), ("user", "Hello?")]
        assert asked.max_tokens == 9


async def test_chat_stream() -> None:
    async with FakeNode() as node, service(node) as pool, client(pool) as pooled:
        stream = await pooled.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "Hello?"}], stream=True
        )
        deltas = [chunk.choices[0] async for chunk in stream]
        assert "".join(each.delta.content or "" for each in deltas) == "hello world"
        assert deltas[0].delta.role == "assistant"
        assert deltas[-1].finish_reason == "stop"


async def test_models() -> None:
    async with FakeNode() as one, FakeNode() as two, service(one, two) as pool:
        async with client(pool) as pooled:
            listed = [model.id async for model in pooled.models.list()]
            assert listed == [MODEL]
            assert (await pooled.models.retrieve(MODEL)).owned_by == "cerebrum"
            with pytest.raises(openai.NotFoundError):
                await pooled.models.retrieve("none")
        told = (await pool.http.get("/v1/models")).json()["data"][0]
        assert (told["nodes"], told["loaded_on"]) == (["a", "b"], ["a", "b"])


@pytest.mark.parametrize(("name", "asked_for"), [("", None), ("auto", None), (MODEL, MODEL)])
async def test_model_names(name: str, asked_for: str | None) -> None:
    async with FakeNode() as node, service(node) as pool, client(pool) as pooled:
        await pooled.completions.create(model=name, prompt="x")
        assert (await node.next_request()).model in {asked_for, MODEL}


async def test_abort_frees_the_node() -> None:
    async with FakeNode() as node, service(node) as pool, client(pool) as pooled:
        node.behaviour = hang_after(["a"])
        stream = await pooled.completions.create(model=MODEL, prompt="x", stream=True)
        async for chunk in stream:
            assert chunk.choices[0].text == "a"
            break
        await stream.close()
        await node.next_cancellation()
        await until_stats(pool, active_requests=0)


async def test_abort_before_the_answer_frees_the_node() -> None:
    async with FakeNode() as node, service(node) as pool, client(pool) as pooled:
        node.behaviour = hang_after()
        asking = asyncio.create_task(pooled.completions.create(model=MODEL, prompt="x"))
        await node.next_request()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await node.next_cancellation()
        await until_stats(pool, active_requests=0)


async def test_errors_are_the_client_s_own() -> None:
    async with FakeNode() as node, service(node, key="k") as pool:
        async with client(pool, key="wrong") as pooled:
            with pytest.raises(openai.AuthenticationError) as refused:
                await pooled.completions.create(model=MODEL, prompt="x")
            assert refused.value.code == "unauthorized"
        async with client(pool, key="k") as pooled:
            node.behaviour = refuse(503, 7)
            with pytest.raises(openai.InternalServerError) as shed:
                await pooled.completions.create(model=MODEL, prompt="x", stream=True)
            assert (shed.value.status_code, shed.value.code) == (503, "load-shed")
            assert shed.value.response.headers["retry-after"] == "7"
            node.behaviour = unknown_model()
            with pytest.raises(openai.NotFoundError):
                await pooled.completions.create(model="none", prompt="x")
            with pytest.raises(openai.BadRequestError) as bad:
                await pooled.completions.create(model=MODEL, prompt="x", n=2)
            assert bad.value.type == "invalid_request_error"


async def test_failure_in_the_middle_is_an_error_of_the_stream() -> None:
    async with FakeNode() as node, service(node) as pool, client(pool) as pooled:
        node.behaviour = fail_after(["a"])
        stream = await pooled.completions.create(model=MODEL, prompt="x", stream=True)
        with pytest.raises(openai.APIError) as failed:
            [chunk async for chunk in stream]
        assert failed.value.code == "node-failed"


async def test_no_character_breaks_a_chunk() -> None:
    async with FakeNode() as node, service(node) as pool, client(pool) as pooled:
        for piece in ("é", "\u2028", "\x85", "\r\n", "\U0001d4b3", "data: x\n\n", '"\\'):
            node.behaviour = ok(["a", piece, "b"])
            stream = await pooled.completions.create(model=MODEL, prompt="x", stream=True)
            texts = [chunk.choices[0].text async for chunk in stream]
            assert texts == ["a", piece, "b", ""]

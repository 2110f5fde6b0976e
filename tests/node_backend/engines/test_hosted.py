"""The life of an engine that somebody else runs: lost, found again, left."""

import asyncio
from contextlib import aclosing

import pytest

from node_backend.engines.base import Engine, EngineState, Piece, RawPrompt
from node_backend.errors import EngineFailedError, ModelFailedError
from tests.node_backend.engines import recorded
from tests.node_backend.engines.replay import Reply, events, lines, whole
from tests.node_backend.engines.subjects import (
    COMPLETES,
    OLLAMA,
    OPENAI,
    hosted,
    order,
    run,
    text_of,
)
from tests.node_backend.waiting import until

KINDS = ("ollama", "openai")
GOOD = {
    "ollama": lines(*recorded.OLLAMA_STREAM),
    "openai": events(*recorded.OPENAI_STREAM),
}
HELD = {
    "ollama": lines(recorded.OLLAMA_FIRST, is_held=True),
    "openai": events(recorded.chunk("This"), is_done=False, is_held=True),
}
FIRST = {"ollama": "/api/show", "openai": "/v1/models"}
ASKED = order(RawPrompt("x"))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_generation_that_is_closed_closes_its_connection(kind: str) -> None:
    async with hosted(kind, {COMPLETES[kind]: [HELD[kind]]}) as served:
        async with aclosing(served.engine.generate(ASKED)) as generation:
            assert isinstance(await anext(generation), Piece)
        async with asyncio.timeout(20):
            await served.server.left.wait()
        assert served.engine.status.state == "ready"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_generation_that_is_cancelled_before_its_first_word_closes_its_connection(
    kind: str,
) -> None:
    async with hosted(kind, {COMPLETES[kind]: [Reply(is_held=True)]}) as served:
        task = asyncio.create_task(run(served.engine, ASKED))
        await until(
            lambda: any(body.get("stream") for body in served.server.bodies(COMPLETES[kind]))
        )
        task.cancel()
        async with asyncio.timeout(20):
            await served.server.left.wait()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("kind", KINDS)
async def test_a_server_that_falls_silent_costs_that_one_request(kind: str) -> None:
    replies = {COMPLETES[kind]: [HELD[kind], GOOD[kind]]}
    async with hosted(kind, replies, stall_timeout_s=1.0) as served:
        with pytest.raises(EngineFailedError, match="silent"):
            await run(served.engine, ASKED)
        assert await text_of(served.engine, ASKED)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_server_that_is_not_there_is_tried_again_until_it_is(kind: str) -> None:
    async with hosted(kind, {FIRST[kind]: [Reply(is_cut=True)]}) as served:
        with pytest.raises(ModelFailedError, match="does not answer at http://127"):
            await served.engine.load()
        assert served.engine.status.state == "failed"
        tries = len(served.server.asked)
        with pytest.raises(ModelFailedError):  # at once: nothing could have changed
            await served.engine.load()
        assert len(served.server.asked) == tries
        served.server.replies[FIRST[kind]] = usual(kind)[FIRST[kind]]
        await until_state(served.engine, "ready")
        assert await text_of(served.engine, ASKED)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_connection_that_breaks_is_made_anew_without_being_asked(kind: str) -> None:
    cut = Reply(is_cut=True)
    async with hosted(kind, {COMPLETES[kind]: [cut, GOOD[kind]]}) as served:
        await served.engine.load()
        connects = len([each for each in served.server.asked if each.path == FIRST[kind]])
        with pytest.raises(EngineFailedError):
            await run(served.engine, ASKED)
        await until_state(served.engine, "ready")
        again = len([each for each in served.server.asked if each.path == FIRST[kind]])
        assert again == connects + 1
        assert await text_of(served.engine, ASKED)


@pytest.mark.parametrize("kind", KINDS)
async def test_unloading_ends_what_is_being_generated(kind: str) -> None:
    async with hosted(kind, {COMPLETES[kind]: [HELD[kind]]}) as served:
        async with aclosing(served.engine.generate(ASKED)) as generation:
            await anext(generation)
            await served.engine.unload()
            with pytest.raises(EngineFailedError):
                await anext(generation)
        assert served.engine.status.state == "stopped"


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_unloaded_while_it_loads_stays_unloaded(kind: str) -> None:
    async with hosted(kind, {FIRST[kind]: [Reply(is_held=True)]}) as served:
        loading = asyncio.create_task(served.engine.load())
        await until(lambda: bool(served.server.asked))
        await served.engine.unload()
        with pytest.raises(ModelFailedError):
            await loading
        assert served.engine.status.state == "stopped"
        assert not [task for task in asyncio.all_tasks() if "reconnect" in task.get_name()]


@pytest.mark.parametrize("kind", KINDS)
async def test_nothing_is_tried_again_after_unloading(kind: str) -> None:
    async with hosted(kind, {FIRST[kind]: [Reply(status=500)]}) as served:
        with pytest.raises(ModelFailedError):
            await served.engine.load()
        await served.engine.unload()
        assert served.engine.status.state == "stopped"
        assert not [task for task in asyncio.all_tasks() if "reconnect" in task.get_name()]


@pytest.mark.parametrize("kind", KINDS)
async def test_what_speaks_another_protocol_is_said(kind: str) -> None:
    async with hosted(kind, {FIRST[kind]: [whole(["not", "an", "object"])]}) as served:
        with pytest.raises(ModelFailedError, match=f"does not speak as {kind} does"):
            await served.engine.load()


@pytest.mark.parametrize("kind", KINDS)
async def test_characters_that_only_some_take_for_line_ends_are_text(kind: str) -> None:
    text = "a\x85b\u2028c\x0bd"
    replies = {
        "ollama": lines({**recorded.OLLAMA_FIRST, "response": text}, recorded.OLLAMA_LAST),
        "openai": events(recorded.chunk(text), recorded.chunk("", "stop")),
    }
    async with hosted(kind, {COMPLETES[kind]: [replies[kind]]}) as served:
        assert await text_of(served.engine, ASKED) == text


@pytest.mark.parametrize("kind", KINDS)
async def test_a_stream_may_arrive_in_any_pieces(kind: str) -> None:
    whole_stream = "".join(GOOD[kind].pieces).replace("This", "Thé日").replace('"The"', '"Thé日"')
    for size in (1, 7, 64):
        cut = [whole_stream[at : at + size] for at in range(0, len(whole_stream), size)]
        async with hosted(kind, {COMPLETES[kind]: [Reply(cut)]}) as served:
            assert (await text_of(served.engine, ASKED)).startswith("Thé日")


def usual(kind: str) -> dict[str, list[Reply]]:
    return {"ollama": OLLAMA, "openai": OPENAI}[kind]


async def until_state(engine: Engine, state: EngineState) -> None:
    await until(lambda: engine.status.state == state)

"""What an OpenAI-compatible server is asked, and what its answers mean."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from cerebrum_kit.errors import CerebrumError
from cerebrum_kit.wire import Snippet
from node_backend.engines.base import ChatPrompt, Finished, InfillPrompt, Piece, Prompt, RawPrompt
from node_backend.engines.hosted_session import HostedModel
from node_backend.errors import BusyError, EngineFailedError, ModelFailedError, PromptTooLongError
from node_backend.hosted_models import list_models
from node_backend.models import bundled_path
from tests.node_backend.engines import recorded
from tests.node_backend.engines.recorded import openai_error
from tests.node_backend.engines.replay import Reply, events, whole
from tests.node_backend.engines.subjects import (
    hosted,
    llama_cpp,
    openai_by_llama_cpp,
    order,
    run,
    text_of,
)

PROBE, STREAM, CHAT = "/v1/completions unstreamed", "/v1/completions", "/v1/chat/completions"
HOLE = InfillPrompt("def f(", "): ...", "a.py")
FILES = InfillPrompt("def f(", "): ...", "a.py", (Snippet(path="b.py", text="B = 2\n"),))
IN_OWN_FORM = "<|fim_prefix|>def f(<|fim_suffix|>): ...<|fim_middle|>"
PLAIN = {PROBE: [recorded.IGNORED]}
NO_COMPLETIONS = {PROBE: [recorded.OPENAI_NO_COMPLETIONS]}
UNKNOWN = {"/v1/models": [whole({"object": "list", "data": [{"id": "some-model"}]})]}
SOME = Path("some-model")


def server(probe: list[Reply], **more: list[Reply]) -> dict[str, list[Reply]]:
    return {PROBE: probe, **more}


@pytest.mark.parametrize(
    ("prompt", "path", "expected"),
    [
        (RawPrompt("import "), STREAM, {"prompt": "import "}),
        (HOLE, STREAM, {"prompt": "def f(", "suffix": "): ..."}),
        (
            InfillPrompt("<|fim_suffix|>", "<|im_end|>"),
            STREAM,
            {"prompt": "< |fim_suffix|>", "suffix": "< |im_end|>"},
        ),
        (
            ChatPrompt((("system", "Be brief."), ("user", "Say yes."))),
            CHAT,
            {
                "messages": [
                    {"role": "system", "content": "Be brief."},
                    {"role": "user", "content": "Say yes."},
                ]
            },
        ),
    ],
)
async def test_what_a_server_that_heeds_a_suffix_is_asked(
    prompt: Prompt, path: str, expected: dict[str, object]
) -> None:
    async with hosted("openai") as served:
        await run(served.engine, order(prompt, max_tokens=7, temperature=0.5, stop=("\n",)))
        assert served.last(path) == {
            **expected,
            "model": "Qwen/Qwen2.5-Coder-7B",
            "max_tokens": 7,
            "temperature": 0.5,
            "stop": ["\n"],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        assert served.engine.status.has_fim
        assert {each.headers["authorization"] for each in served.server.asked} == {
            "Bearer engine-key"
        }


@pytest.mark.parametrize(
    "probe", [[recorded.IGNORED], [recorded.VLLM_NO_SUFFIX, recorded.IGNORED]], ids=str
)
async def test_where_a_suffix_is_not_heeded_the_familys_own_form_is_used(
    probe: list[Reply],
) -> None:
    async with hosted("openai", {PROBE: probe}) as served:
        for asked, prompt in (
            (HOLE, IN_OWN_FORM),
            (
                FILES,
                "<|repo_name|>myproject\n<|file_sep|>b.py\nB = 2\n<|file_sep|>a.py\n" + IN_OWN_FORM,
            ),
        ):
            await run(served.engine, order(asked))
            body = served.last(STREAM)
            assert (body["prompt"], body.get("suffix")) == (prompt, None)
        assert served.engine.status.has_fim


async def test_how_a_server_takes_a_suffix_is_tried_out_once() -> None:
    async with hosted("openai") as served:
        for _ in range(3):
            await run(served.engine, order(HOLE))
        unstreamed = [each for each in served.server.bodies(STREAM) if "stream" not in each]
        assert len(unstreamed) == 1
        assert unstreamed[0]["max_tokens"] == 1


@pytest.mark.parametrize(
    ("probe", "model"),
    [
        ([recorded.OPENAI_NO_COMPLETIONS], "Qwen/Qwen2.5-Coder-7B"),
        ([Reply(status=405)], "some-model"),
        ([recorded.IGNORED], "some-model"),
        ([recorded.VLLM_NO_SUFFIX], "some-model"),
    ],
)
async def test_without_a_way_to_fill_in_a_chat_is_asked_for_the_code(
    probe: list[Reply], model: str
) -> None:
    answers = [recorded.openai_chat("```python\n", "def f(", "a, b", "\n```\nDone.")]
    models = whole({"object": "list", "data": [{"id": model}]})
    replies = {PROBE: probe, CHAT: answers, "/v1/models": [models]}
    async with hosted("openai", replies, model=Path(model)) as served:
        assert await text_of(served.engine, order(HOLE, stop=("\n\n",))) == "a, b"
        assert not served.engine.status.has_fim
        body: Any = served.last(CHAT)
        assert "def f(<CURSOR>): ..." in body["messages"][1]["content"]
        assert "stop" not in body


async def test_a_server_that_counts_nothing_is_asked_as_the_name_suggests() -> None:
    uncounted = {PROBE: [whole(recorded.chunk("\n", "length"))]}
    async with hosted("openai", uncounted) as served:
        await run(served.engine, order(HOLE))
        assert served.last(STREAM)["prompt"] == IN_OWN_FORM
    async with hosted("openai", {**UNKNOWN, **uncounted}, model=SOME) as served:
        await run(served.engine, order(HOLE))
        assert served.last(STREAM)["suffix"] == "): ..."


async def test_a_prompt_for_a_server_without_completions_is_a_turn_of_a_chat() -> None:
    async with hosted("openai", NO_COMPLETIONS) as served:
        await run(served.engine, order(RawPrompt("Say yes."), continue_from=" Ye"))
        body: Any = served.last(CHAT)
        assert body["messages"] == [{"role": "user", "content": "Say yes. Ye"}]


async def test_the_context_is_what_the_server_says() -> None:
    async with hosted("openai") as served:
        await run(served.engine, order(InfillPrompt("x = 1\n" * 5000, "y = 2\n" * 5000)))
        assert served.engine.status.context_tokens == 2048
        body: Any = served.last(STREAM)
        assert 4000 < len(body["prompt"] + body["suffix"]) <= 2048 * 3


async def test_the_figures_are_the_servers() -> None:
    async with hosted("openai") as served:
        *pieces, ending = await run(served.engine, order(RawPrompt("x")))
        assert pieces == [Piece("This", 1), Piece(" is", 2)]
        assert isinstance(ending, Finished)
        assert (ending.reason, ending.prompt_tokens, ending.cached_tokens) == ("stop", 5, 3)
        assert ending.completion_tokens == 7
        assert ending.prefill_ms >= 0
        timings = {"cache_n": 2, "prompt_n": 3, "prompt_ms": 5.5, "predicted_ms": 9.25}
        last = {**recorded.chunk("", "length"), "timings": timings}
        served.server.replies[STREAM] = [events(recorded.chunk("a"), last, is_done=False)]
        *_, ending = await run(served.engine, order(RawPrompt("x")))
        assert ending == Finished("length", 0, 2, 1, 5.5, 9.25)


async def test_the_list_of_models_is_the_servers() -> None:
    async with hosted("openai") as served:
        assert await asyncio.to_thread(list_models, served.settings) == [
            HostedModel("model-id-0"),
            HostedModel("Qwen/Qwen2.5-Coder-7B"),
        ]


async def test_a_server_without_a_list_may_have_the_model() -> None:
    async with hosted("openai", {"/v1/models": [Reply(status=404)]}) as served:
        assert await text_of(served.engine, order(RawPrompt("x"))) == "This is"
        assert served.engine.status.context_tokens == 4096


async def test_a_server_that_loads_its_model_is_waited_for() -> None:
    loading = openai_error(503, 503, "unavailable_error")
    replies = {"/v1/models": [loading, whole(recorded.OPENAI_MODELS)]}
    async with hosted("openai", replies) as served:
        await served.engine.load()
        assert len([each for each in served.server.asked if each.path == "/v1/models"]) == 2


REFUSALS: list[tuple[Reply, type[CerebrumError], str]] = [
    (openai_error(404, "model_not_found", "invalid_request_error"), ModelFailedError, "no model"),
    (openai_error(401, "invalid_api_key", "invalid_request_error"), ModelFailedError, "the key"),
    (openai_error(429, "rate_limit_exceeded", "requests"), BusyError, "rate_limit"),
    (openai_error(503, 503, "unavailable_error"), BusyError, "unavailable_error"),
    (
        openai_error(400, "context_length_exceeded", "invalid_request_error"),
        PromptTooLongError,
        "context",
    ),
    (openai_error(400, 400, "exceed_context_size_error"), PromptTooLongError, "context"),
    (openai_error(400, 400, "BadRequestError"), EngineFailedError, "400: BadRequestError"),
    (Reply(["<html>"], 502), EngineFailedError, "no reason given"),
    (
        events({"error": {"message": "You said secret", "type": "server_error"}}),
        EngineFailedError,
        "server_error",
    ),
    (events(recorded.chunk("a")), EngineFailedError, "too early"),
    (events(recorded.chunk("a"), is_done=False), EngineFailedError, "too early"),
    (events(recorded.chunk("a"), is_done=False, is_cut=True), EngineFailedError, "failed"),
    (Reply(["data: {nonsense\n\n"]), EngineFailedError, "understood"),
    (events({"object": "text_completion"}), EngineFailedError, "understood"),
    (events(["a"]), EngineFailedError, "understood"),
]


@pytest.mark.parametrize(("reply", "error", "words"), REFUSALS)
async def test_what_can_go_wrong_has_a_name_and_repeats_nothing(
    reply: Reply, error: type[CerebrumError], words: str
) -> None:
    async with hosted("openai", {STREAM: [reply]}) as served:
        with pytest.raises(error, match=words) as failure:
            await run(served.engine, order(RawPrompt("secret = 1")))
        assert "secret" not in failure.value.message
        served.server.replies[STREAM] = [events(*recorded.OPENAI_STREAM)]
        assert await text_of(served.engine, order(RawPrompt("x"))) == "This is"


async def test_a_busy_server_says_when_to_come_again() -> None:
    reply = openai_error(429, "rate_limit_exceeded", "requests", **{"Retry-After": "7"})
    async with hosted("openai", {STREAM: [reply]}) as served:
        with pytest.raises(BusyError) as failure:
            await run(served.engine, order(RawPrompt("x")))
        assert failure.value.retry_after_s == 7


@pytest.mark.e2e
async def test_by_text_and_by_tokens_the_same_model_says_the_same() -> None:
    """llama.cpp's server reads over a suffix, so that the family's own form goes there as text."""
    for asked in (HOLE, FILES, InfillPrompt("import os\n\n\ndef main():\n    ", "\n\nmain()\n")):
        texts = []
        for opened in (llama_cpp(bundled_path(), 1024), openai_by_llama_cpp(bundled_path())):
            async with opened as engine:
                texts.append(await text_of(engine, order(asked, max_tokens=16)))
                assert engine.status.has_fim
        assert texts[0] == texts[1]


OWN = {"object": "list", "data": [{"id": "some-model", "owned_by": "llamacpp"}]}
TAKEN, REFUSED = [whole({"choices": []})], [openai_error(400, 400, "BadRequestError")]
CHAT_PROBE = f"{CHAT} unstreamed"


@pytest.mark.parametrize(
    ("model", "replies", "has_chat"),
    [
        pytest.param(SOME, {CHAT_PROBE: TAKEN}, True, id="it takes a chat"),
        pytest.param(SOME, {CHAT_PROBE: REFUSED}, False, id="it refuses a chat"),
        pytest.param(SOME, {CHAT_PROBE: [Reply(status=500)]}, None, id="it fails"),
        pytest.param(SOME, NO_COMPLETIONS, True, id="it has nothing but chats"),
        pytest.param(SOME, {"/v1/models": [whole(OWN)]}, None, id="llama.cpp takes any"),
        pytest.param(
            Path("codellama-7b"),
            {CHAT_PROBE: TAKEN},
            None,
            id="it takes one, but fills in",
        ),
        pytest.param(Path("codellama-7b-instruct"), {}, True, id="its name says so"),
        pytest.param(Path("some-model-base"), {CHAT_PROBE: TAKEN}, False, id="its name denies it"),
    ],
)
async def test_whether_a_model_follows_a_chat_is_found_out(
    model: Path, replies: dict[str, list[Reply]], *, has_chat: bool | None
) -> None:
    listed = {"object": "list", "data": [{"id": str(model), "owned_by": "vllm"}]}
    models = {"/v1/models": [whole(listed)]}
    async with hosted("openai", {**PLAIN, **models, **replies}, model=model) as served:
        await served.engine.load()
        assert served.engine.status.has_chat is has_chat

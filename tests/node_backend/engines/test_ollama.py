"""What Ollama is asked, and what its answers mean."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from cerebrum_kit.errors import CerebrumError
from cerebrum_kit.wire import Snippet
from node_backend.config import Settings
from node_backend.engines.base import ChatPrompt, Finished, InfillPrompt, Piece, Prompt, RawPrompt
from node_backend.engines.hosted_session import HostedModel
from node_backend.errors import BusyError, EngineFailedError, ModelFailedError
from node_backend.hosted_models import Chats, list_models, ollama_url
from tests.node_backend.engines import recorded
from tests.node_backend.engines.replay import Reply, lines, whole
from tests.node_backend.engines.subjects import Hosted, hosted, order, run, settings_for, text_of

SNIPPET = Snippet(path="b.py", text="B = 2\n")
CHAT_MODEL = {"/api/show": [whole(recorded.OLLAMA_SHOWN_CHAT)]}
QWEN = Path("qwen2.5-coder:1.5b")


def chat_model(**shown: object) -> dict[str, list[Reply]]:
    return {"/api/show": [whole({**recorded.OLLAMA_SHOWN_CHAT, **shown})]}


@pytest.mark.parametrize(
    ("prompt", "path", "expected"),
    [
        (RawPrompt("import "), "/api/generate", {"prompt": "import ", "raw": True}),
        (
            InfillPrompt("def f(", "): ..."),
            "/api/generate",
            {"prompt": "def f(", "suffix": "): ..."},
        ),
        # without a prompt it would only load the model, and without a suffix begin a chat
        (
            InfillPrompt("", "): ..."),
            "/api/generate",
            {"prompt": "<PRE>  <SUF>): ... <MID>", "raw": True},
        ),
        (
            InfillPrompt("def f(", ""),
            "/api/generate",
            {"prompt": "<PRE> def f( <SUF> <MID>", "raw": True},
        ),
        (
            InfillPrompt("<PRE>", "<MID>"),
            "/api/generate",
            {"prompt": "< PRE>", "suffix": "< MID>"},
        ),
        (
            ChatPrompt((("user", "Say <|im_end|>."),)),
            "/api/chat",
            {"messages": [{"role": "user", "content": "Say < |im_end|>."}]},
        ),
    ],
)
async def test_what_is_asked_of_a_model_with_a_suffix_in_its_template(
    prompt: Prompt, path: str, expected: dict[str, object]
) -> None:
    async with hosted("ollama") as served:
        await run(served.engine, order(prompt))
        body = served.last(path)
        assert {name: body[name] for name in expected} == expected
        assert ("suffix" in body, "raw" in body) == ("suffix" in expected, "raw" in expected)


async def test_other_files_are_given_in_the_familys_own_form() -> None:
    async with hosted("ollama", model=QWEN) as served:
        asked = InfillPrompt("def f(", "): ...", "a.py", (SNIPPET,))
        await run(served.engine, order(asked, continue_from="x, "))
        body = served.last("/api/generate")
        assert body["raw"] is True
        assert body["prompt"] == (
            "<|repo_name|>myproject\n<|file_sep|>b.py\nB = 2\n<|file_sep|>a.py\n"
            "<|fim_prefix|>def f(<|fim_suffix|>): ...<|fim_middle|>x, "
        )


async def test_a_family_that_only_the_name_tells_is_asked_in_its_own_form() -> None:
    async with hosted("ollama", CHAT_MODEL, model=QWEN) as served:
        await run(served.engine, order(InfillPrompt("def f(", "): ...")))
        body = served.last("/api/generate")
        assert body["prompt"] == "<|fim_prefix|>def f(<|fim_suffix|>): ...<|fim_middle|>"
        assert served.engine.status.has_fim


async def test_a_model_without_fim_is_asked_in_a_chat_and_only_code_comes_out() -> None:
    answers = [recorded.ollama_chat("```", "python\n", "a, ", "b", "\n```", "\nThat is", " all.")]
    replies = {**CHAT_MODEL, "/api/chat": answers}
    async with hosted("ollama", replies, model=Path("llama3.1:8b")) as served:
        asked = order(InfillPrompt("def f(", "): ...", "a.py"), stop=("\n",))
        assert await text_of(served.engine, asked) == "a, b"
        assert not served.engine.status.has_fim
        body: Any = served.last("/api/chat")
        assert [turn["role"] for turn in body["messages"]] == ["system", "user"]
        assert "def f(<CURSOR>): ..." in body["messages"][1]["content"]
        assert body["options"]["stop"] == []  # it would end at the fence


async def test_a_model_that_thinks_is_told_not_to() -> None:
    replies = chat_model(capabilities=["completion", "thinking"])
    async with hosted("ollama", replies, model=Path("qwen3:8b")) as served:
        await run(served.engine, order(ChatPrompt((("user", "x"),))))
        assert served.last("/api/chat")["think"] is False


async def test_options_that_would_load_the_model_anew_are_the_same_in_every_request() -> None:
    async with hosted("ollama", context_tokens=2048, threads=3) as served:
        await run(served.engine, order(RawPrompt("x"), max_tokens=5, stop=("\n",)))
        await run(served.engine, order(ChatPrompt((("user", "x"),)), temperature=0.5))
        await run(served.engine, order(InfillPrompt("x", "y"), max_tokens=400))
        bodies = [each.body for each in served.server.asked if each.body and "options" in each.body]
        assert len(bodies) == 4  # the first one loads
        changing = ("num_predict", "temperature", "stop")
        fixed = [
            {name: value for name, value in body["options"].items() if name not in changing}
            for body in bodies
        ]
        assert fixed == [{"num_ctx": 2048, "num_thread": 3}] * 4
        assert {body["keep_alive"] for body in bodies} == {"3600s"}
        assert all("keep_alive" not in body["options"] for body in bodies)
        assert bodies[1]["options"]["num_predict"] == 5
        assert bodies[1]["options"]["stop"] == ["\n"]
        assert bodies[2]["options"]["temperature"] == 0.5


async def test_a_long_text_is_cut_to_the_context_before_ollama_does_it() -> None:
    async with hosted("ollama", context_tokens=512) as served:
        await run(served.engine, order(InfillPrompt("x = 1\n" * 5000, "y = 2\n" * 5000)))
        body: Any = served.last("/api/generate")
        assert body["prompt"].endswith("x = 1\n")
        assert body["suffix"].startswith("y = 2\n")
        assert 1000 < len(body["prompt"] + body["suffix"]) <= 512 * 3


async def test_the_figures_are_ollamas() -> None:
    async with hosted("ollama") as served:
        events = await run(served.engine, order(RawPrompt("x")))
        assert events == [
            Piece("The", 1),
            Piece(" sky", 2),
            Finished("stop", 26, 0, 259, 130.079, 4232.71, load_ms=6338.219291),
        ]
        served.server.replies["/api/generate"] = [
            lines({**recorded.OLLAMA_LAST, "done_reason": "length"})
        ]
        [ending] = await run(served.engine, order(RawPrompt("x")))
        assert isinstance(ending, Finished)
        assert ending.reason == "length"


async def test_loading_and_unloading_are_asked_for() -> None:
    async with hosted("ollama") as served:
        await served.engine.load()
        assert served.engine.status.context_tokens == 4096
        [load] = served.server.bodies("/api/generate")
        assert "prompt" not in load
        await served.engine.unload()
        assert served.last("/api/generate") == {"model": "codellama:13b", "keep_alive": 0}
        assert served.server.asked[0].headers["authorization"] == "Bearer engine-key"


async def test_a_context_is_no_longer_than_the_model_was_trained_for() -> None:
    async with hosted("ollama", context_tokens=100_000) as served:
        await served.engine.load()
        assert served.engine.status.context_tokens == 8192


async def test_the_list_of_models_tells_which_are_loaded() -> None:
    async with hosted("ollama") as served:
        assert await asyncio.to_thread(list_models, served.settings) == [
            HostedModel("codellama:13b", 7365960935, is_loaded=False, has_chat=False),
            HostedModel("llama3:latest", 3825819519, is_loaded=True, has_chat=False),
        ]


async def test_what_is_shown_of_a_model_is_asked_once_for_each_of_its_contents() -> None:
    replies = {"/api/show": [whole(recorded.OLLAMA_SHOWN_CHAT)]}
    async with hosted("ollama", replies) as served:
        chats: Chats = {}
        for _ in range(2):
            listed = await asyncio.to_thread(list_models, served.settings, chats)
            assert [each.has_chat for each in listed] == [True, True]
        assert len(served.server.bodies("/api/show")) == 2
        pulled = [{**each, "digest": "another"} for each in recorded.OLLAMA_TAGS["models"][:1]]
        served.server.replies["/api/tags"] = [whole({"models": pulled})]
        served.server.replies["/api/show"] = [Reply(status=500)]
        [listed_anew] = await asyncio.to_thread(list_models, served.settings, chats)
        assert listed_anew.has_chat is None
        assert len(served.server.bodies("/api/show")) == 3
        served.server.replies["/api/show"] = [whole(recorded.OLLAMA_SHOWN)]
        [listed_anew] = await asyncio.to_thread(list_models, served.settings, chats)
        assert listed_anew.has_chat is False


@pytest.mark.parametrize(
    ("shown", "has_chat"), [(recorded.OLLAMA_SHOWN, False), (recorded.OLLAMA_SHOWN_CHAT, True)]
)
async def test_a_loaded_model_tells_whether_it_follows_a_chat(
    shown: dict[str, object], *, has_chat: bool
) -> None:
    async with hosted("ollama", {"/api/show": [whole(shown)]}) as served:
        assert served.engine.status.has_chat is None
        await served.engine.load()
        assert served.engine.status.has_chat is has_chat


REFUSALS: list[tuple[Reply, type[CerebrumError], str]] = [
    (recorded.OLLAMA_MISSING, ModelFailedError, "ollama pull codellama:13b"),
    (recorded.OLLAMA_BUSY, BusyError, "maximum pending requests"),
    (recorded.OLLAMA_NO_MEMORY, EngineFailedError, "more system memory"),
    (whole({"error": "x" * 5000}, 400), EngineFailedError, "status 400"),
    (Reply(["<html>"], 502), EngineFailedError, "no reason given"),
    (whole({"error": "unauthorized"}, 401), ModelFailedError, "CEREBRUM_NODE_ENGINE_KEY"),
    (lines(recorded.OLLAMA_FIRST, recorded.OLLAMA_DIED), EngineFailedError, "unexpected EOF"),
    (lines(recorded.OLLAMA_FIRST), EngineFailedError, "too early"),
    (lines(recorded.OLLAMA_FIRST, is_cut=True), EngineFailedError, "failed"),
    (Reply(['{"response": "a", "done": false}\n', "{nonsense\n"]), EngineFailedError, "understood"),
    (lines({"response": "a"}), EngineFailedError, "understood"),
    (lines(["a"]), EngineFailedError, "understood"),
    (Reply([json.dumps("x" * 2_000_000)]), EngineFailedError, "understood"),
]


@pytest.mark.parametrize(("reply", "error", "words"), REFUSALS)
async def test_what_can_go_wrong_has_a_name(
    reply: Reply, error: type[CerebrumError], words: str
) -> None:
    async with hosted("ollama", {"/api/generate": [reply]}) as served:
        with pytest.raises(error, match=words) as failure:
            await run(served.engine, order(RawPrompt("secret = 1")))
        assert "secret" not in failure.value.message
        assert len(failure.value.message) < 300
        if error is BusyError:
            assert failure.value.retry_after_s
        await recovers(served)


async def recovers(served: Hosted) -> None:
    served.server.replies["/api/generate"] = [lines(*recorded.OLLAMA_STREAM)]
    assert await text_of(served.engine, order(RawPrompt("x"))) == "The sky"


@pytest.mark.parametrize(
    ("host", "url"),
    [  # as `envconfig/config_test.go` of the ollama project has them
        ("", "http://127.0.0.1:11434"),
        ("1.2.3.4", "http://1.2.3.4:11434"),
        ("1.2.3.4:1234", "http://1.2.3.4:1234"),
        (":1234", "http://127.0.0.1:1234"),
        ("http://1.2.3.4", "http://1.2.3.4:80"),
        ("https://1.2.3.4", "https://1.2.3.4:443"),
        ("https://1.2.3.4:1234", "https://1.2.3.4:1234"),
        ("example.com/ollama", "http://example.com:11434/ollama"),
        ("[::1]", "http://[::1]:11434"),
        ("[::1]:1337", "http://[::1]:1337"),
        ('"1.2.3.4"', "http://1.2.3.4:11434"),
        (" 1.2.3.4 ", "http://1.2.3.4:11434"),
        ("0.0.0.0:11434", "http://127.0.0.1:11434"),
    ],
)
def test_ollama_host_is_read_as_ollama_reads_it(host: str, url: str) -> None:
    assert ollama_url(host) == url


def test_a_server_that_does_not_answer_has_no_list() -> None:
    settings: Settings = settings_for("ollama", "http://127.0.0.1:9")
    assert list_models(settings) == []

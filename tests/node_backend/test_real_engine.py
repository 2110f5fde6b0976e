"""The node as a process, with llama.cpp and the bundled model: what comes back."""

import asyncio
import re
from contextlib import aclosing
from pathlib import Path
from typing import Any

import psutil
import pytest

from node_backend.engines.llama_cpp_settings import EngineSettings
from tests.node_backend.nodes import NodeProcess, running_node, until_gone
from tests.reciting_model import TEXT, write_reciting_model

pytestmark = pytest.mark.e2e

FUNCTION = {"prefix": "def add(a, b):\n    return ", "suffix": "\n\n\nprint(add(1, 2))\n"}
CODE = "".join(f"def function_{n}(argument):\n    return argument + {n}\n\n\n" for n in range(400))
RECITED = TEXT * 10
KINDS: dict[str, dict[str, object]] = {
    "prompt": {"prompt": "import os\nimport "},
    "infill": {"infill": FUNCTION},
    "infill with snippets": {
        "infill": {**FUNCTION, "snippets": [{"path": "b.py", "text": "def sub(a, b): ..."}]}
    },
    "messages": {"messages": [{"role": "user", "content": "Say yes."}]},
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
async def test_every_kind_of_input_gives_the_same_text_as_json_and_as_a_stream(
    node: NodeProcess, kind: dict[str, object]
) -> None:
    request = {**kind, "max_tokens": 12}
    answer = await node.infer(**request)
    events = await node.collect(**request)
    tokens = [data for _, data in events if "token" in data]
    assert "".join(data["token"] for data in tokens) == answer.text
    assert all(data["token"] for data in tokens)
    counts = [data["total_tokens"] for data in tokens]
    assert counts == sorted(set(counts))
    done = [data for _, data in events if data.get("done")]
    assert done == [events[-1][1]]
    assert done[0]["total_tokens"] == answer.total_tokens == answer.usage.completion_tokens <= 12
    assert {name for name, _ in events} == {"progress", "message"}
    assert events[0][1]["stage"] == "prefill"


async def test_the_figures_of_a_request_are_the_engines_own(node: NodeProcess) -> None:
    answer = await node.infer(infill=FUNCTION, max_tokens=8)
    assert answer.model == "cerebrum-tiny"
    assert answer.usage.prompt_tokens > answer.usage.cached_tokens >= 0
    timings = answer.timings
    assert timings.prefill_ms > 0
    assert answer.inference_time * 1000 >= timings.prefill_ms + timings.decode_ms


@pytest.mark.parametrize(
    ("body", "reason"),
    [({"max_tokens": 3}, "length"), ({"max_tokens": 400, "stop": ["e", "a", " ", "\n"]}, "stop")],
)
async def test_why_a_generation_ended(
    node: NodeProcess, body: dict[str, object], reason: str
) -> None:
    answer = await node.infer(prompt="import os\nfor each in range(", temperature=2.0, **body)
    assert answer.finish_reason == reason


async def test_generation_goes_on_after_text_that_is_already_there(
    reciting_node: NodeProcess,
) -> None:
    for kind in KINDS.values():
        whole = await reciting_node.infer(**kind, max_tokens=20)
        assert whole.text in RECITED
        rest = await reciting_node.infer(**kind, max_tokens=20, continue_from=TEXT[:3])
        assert rest.text == RECITED[3 : 3 + len(rest.text)]
        assert rest.usage.prompt_tokens > whole.usage.prompt_tokens


async def test_special_tokens_in_source_text_are_only_text(node: NodeProcess) -> None:
    """A marker as one token would make the prompt shorter by about nine tokens each."""
    marker, same_length = "<|fim_suffix|>", "<|fim_suffax|>"
    for field in ("prefix", "suffix"):
        counts = []
        for word in (marker, same_length):
            text = {**FUNCTION, field: f"# {word} and {word}\n{FUNCTION[field]}"}
            answer = await node.infer(infill=text, max_tokens=1)
            counts.append(answer.usage.prompt_tokens)
        assert abs(counts[0] - counts[1]) <= 6
        plain = await node.infer(infill=FUNCTION, max_tokens=1)
        assert counts[0] - plain.usage.prompt_tokens > 12


async def test_a_prefix_that_grows_is_evaluated_only_at_its_end(node: NodeProcess) -> None:
    prefix = CODE[:3000]
    first = await node.infer(infill={"prefix": prefix}, max_tokens=1, cache_key="doc")
    typed = await node.infer(infill={"prefix": prefix + "def f"}, max_tokens=1, cache_key="doc")
    assert typed.usage.cached_tokens > first.usage.prompt_tokens - 10
    assert typed.usage.prompt_tokens - typed.usage.cached_tokens < 20


async def test_documents_side_by_side_keep_what_was_evaluated(node: NodeProcess) -> None:
    """Three documents on two slots: who lost its slot finds its prompt in the prompt cache."""
    prefixes = {name: f"# {name}\n{CODE[:2500]}" for name in ("one", "two", "three")}
    for is_second_round in (False, True):
        for name, prefix in prefixes.items():
            text = prefix + ("def f" if is_second_round else "")
            answer = await node.infer(infill={"prefix": text}, max_tokens=1, cache_key=name)
            if is_second_round:
                assert answer.usage.cached_tokens > answer.usage.prompt_tokens - 20


async def test_a_file_longer_than_the_context_is_cut_to_fit(node: NodeProcess) -> None:
    answer = await node.infer(infill={"prefix": CODE, "suffix": CODE}, max_tokens=64)
    assert 1500 < answer.usage.prompt_tokens <= 2048 - 64
    typed = await node.infer(infill={"prefix": CODE + "d", "suffix": CODE}, max_tokens=64)
    assert typed.usage.cached_tokens > 1000


async def test_a_chat_longer_than_the_context_is_too_large(node: NodeProcess) -> None:
    response = await node.ask(messages=[{"role": "user", "content": CODE}])
    assert (response.status_code, response.json()["error"]["code"]) == (413, "too-large")
    [(_, error)] = await node.collect(messages=[{"role": "user", "content": CODE}])
    assert (error["error"], error["done"]) == ("too-large", True)


@pytest.mark.parametrize("max_tokens", range(1, 16))
async def test_characters_of_several_tokens_arrive_whole(
    reciting_node: NodeProcess, max_tokens: int
) -> None:
    """Wherever the limit falls; what is left of a character at the end is not sent."""
    events = await reciting_node.collect(prompt="x", max_tokens=max_tokens)
    pieces = [data["token"] for _, data in events if "token" in data]
    text = "".join(pieces)
    assert text == RECITED[: len(text)]
    assert all(pieces)
    missing_bytes = max_tokens - len(text.encode())
    assert 0 <= missing_bytes < 4
    assert events[-1][1]["total_tokens"] == max_tokens


async def test_the_engine_is_started_as_it_was_meant_to_be(node: NodeProcess) -> None:
    engine = psutil.Process(await node.engine_pid())
    assert not re.search("key|CEREBRUM", " ".join(engine.cmdline()), re.IGNORECASE)
    settings = EngineSettings.from_json(engine.environ()["CEREBRUM_ENGINE_SETTINGS"])
    assert (settings.threads, settings.slots, settings.batch_tokens) == (1, 2, 64)
    assert 0 < settings.prompt_cache_mib <= 512
    slots = (await node.stats()).slots
    assert [slot.id for slot in slots] == [0, 1]


async def test_resident_memory_without_the_engine_is_bounded(node: NodeProcess) -> None:
    assert psutil.Process(node.pid).memory_info().rss <= 90e6


async def test_cleanup_ends_the_engine_and_the_next_request_starts_it(
    own_node: NodeProcess,
) -> None:
    pid = await own_node.engine_pid()
    response = await own_node.http.post("/v1/cleanup")
    assert response.json()["unloaded"] == ["cerebrum-tiny"]
    await until_gone(pid)
    assert (await own_node.health()).state == "idle"
    assert (await own_node.stats()).slots == []
    events: list[dict[str, Any]] = [data for _, data in await own_node.collect(prompt="import ")]
    assert events[0]["stage"] == "loading"
    assert events[-1]["timings"]["load_ms"] > 0
    assert await own_node.engine_pid() != pid


async def test_requests_during_loading_wait_for_it(own_node: NodeProcess) -> None:
    await own_node.http.post("/v1/cleanup")
    answers = await asyncio.gather(*(own_node.infer(prompt="x", max_tokens=2) for _ in range(4)))
    assert len(answers) == 4
    assert (await own_node.stats()).engine_restarts_total == 0


async def test_an_empty_prompt_is_an_invalid_request(node: NodeProcess) -> None:
    response = await node.ask(prompt="")
    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid-request")
    assert (await node.infer(infill={"prefix": ""}, max_tokens=1)).usage.prompt_tokens == 3


async def test_a_model_says_what_it_can(node: NodeProcess) -> None:
    [model] = (await node.http.get("/v1/models")).json()["models"]
    assert (model["name"], model["fim"], model["loaded"]) == ("cerebrum-tiny", True, True)
    assert model["context_tokens"] == 2048


async def test_a_model_without_fim_continues_the_prefix(tmp_path: Path) -> None:
    path = tmp_path / "plain.gguf"
    write_reciting_model(path, has_fim=False)
    with running_node("--model", str(path), "--context", "1024") as node:
        async with node.client() as node.http:
            await node.until_ready()
            model = (await node.http.get("/v1/models")).json()["models"][0]
            assert (model["fim"], model["context_tokens"]) == (False, 1024)
            infill = {"prefix": "a", "suffix": "not seen", "snippets": []}
            answer = await node.infer(infill=infill, max_tokens=4)
            assert (answer.text, answer.usage.prompt_tokens) == ("b\né", 2)  # with its first token
            assert (await node.infer(prompt="", max_tokens=2)).text == "ab"
            cut = await node.infer(prompt="x = 1\n" * 2000, max_tokens=100)
            assert 800 < cut.usage.prompt_tokens <= 1024 - 100


async def test_a_stream_that_is_read_slowly_is_complete(node: NodeProcess) -> None:
    seen = []
    async with aclosing(node.stream(prompt="import ", max_tokens=50, temperature=1.0)) as events:
        async for _, data in events:
            seen.append(data)
            await asyncio.sleep(0.002)
    assert seen[-1]["done"] is True

"""What every engine does, whichever it is: one suite over llama.cpp, Ollama and OpenAI's protocol.

llama.cpp is the real one. Ollama and OpenAI replay what their documentation shows (`recorded.py`);
where OLLAMA_HOST answers, the real Ollama takes part too.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from pathlib import Path

import pytest

from node_backend.engines.base import (
    ChatPrompt,
    Engine,
    EngineEvent,
    Finished,
    InfillPrompt,
    Piece,
    PrefillProgress,
    Prompt,
    RawPrompt,
)
from node_backend.errors import EmptyPromptError, EngineFailedError, ModelFailedError
from node_backend.models import bundled_path
from tests.node_backend.engines import recorded
from tests.node_backend.engines.subjects import (
    hosted,
    llama_cpp,
    openai_by_llama_cpp,
    order,
    real_ollama,
    run,
    text_of,
)
from tests.reciting_model import QUICK, write_reciting_model

pytestmark = pytest.mark.e2e

ADD = InfillPrompt("def add(a, b):\n    return ", "\n\n\nprint(add(1, 2))\n", "add.py")
PROMPTS: dict[str, Prompt] = {
    "raw": RawPrompt("import os\nimport "),
    "infill": ADD,
    "chat": ChatPrompt((("system", "Be brief."), ("user", "Say yes."))),
}
CHAT_TEMPLATE = (
    "{% for message in messages %}[{{ message.role }}] {{ message.content }}\n{% endfor %}"
)


@dataclass(frozen=True)
class Subject:
    """How an engine is had."""

    name: str
    open: Callable[[Path], AbstractAsyncContextManager[Engine | None]]
    is_computed: bool = True
    """Whether the text is generated, and not replayed whatever was asked."""
    begins_from_nothing: bool = False
    """Whether the model has a token to begin with."""


@contextlib.asynccontextmanager
async def replayed(kind: str) -> AsyncIterator[Engine]:
    async with hosted(kind) as served:
        yield served.engine


@contextlib.asynccontextmanager
async def without_fim(folder: Path) -> AsyncIterator[Engine]:
    path = folder / "chat.gguf"
    write_reciting_model(path, size=QUICK, has_fim=False, chat_template=CHAT_TEMPLATE)
    async with llama_cpp(path, context_tokens=2048) as engine:
        yield engine


SUBJECTS = (
    Subject("llama.cpp", lambda _: llama_cpp(bundled_path())),
    Subject("llama.cpp without FIM", without_fim, begins_from_nothing=True),
    Subject("ollama", lambda _: replayed("ollama"), is_computed=False),
    Subject("openai", lambda _: replayed("openai"), is_computed=False),
    Subject("openai by llama.cpp", lambda _: openai_by_llama_cpp(bundled_path())),
    Subject("real ollama", lambda _: real_ollama()),
)


@pytest.fixture(params=SUBJECTS, ids=lambda subject: subject.name)
def subject(request: pytest.FixtureRequest) -> Subject:
    chosen: Subject = request.param
    return chosen


@pytest.fixture
async def engine(subject: Subject, tmp_path: Path) -> AsyncIterator[Engine]:
    async with subject.open(tmp_path) as opened:
        if opened is None:
            pytest.skip("no Ollama answers at OLLAMA_HOST")
        yield opened


@pytest.fixture(params=[each for each in SUBJECTS if each.is_computed], ids=lambda each: each.name)
async def computing(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Engine]:
    """Only those that heed what they are asked: what is replayed is always the same."""
    async with request.param.open(tmp_path) as opened:
        if opened is None:
            pytest.skip("no Ollama answers at OLLAMA_HOST")
        yield opened


async def test_every_kind_of_prompt_is_streamed_to_one_ending(engine: Engine) -> None:
    for prompt in PROMPTS.values():
        check_stream(await run(engine, order(prompt)))


def check_stream(events: list[EngineEvent]) -> None:
    pieces = [each for each in events if isinstance(each, Piece)]
    assert pieces
    assert all(each.text for each in pieces)
    totals = [each.total_tokens for each in pieces]
    assert totals == sorted(set(totals))
    endings = [each for each in events if isinstance(each, Finished)]
    assert endings == [events[-1]]
    assert {type(each) for each in events} <= {PrefillProgress, Piece, Finished}
    [ending] = endings
    assert ending.reason in ("stop", "length")
    assert ending.prompt_tokens > 0
    assert ending.completion_tokens > 0
    assert min(ending.cached_tokens, ending.prefill_ms, ending.decode_ms, ending.load_ms) >= 0


async def test_an_engine_tells_its_state_and_what_its_model_can(engine: Engine) -> None:
    assert engine.status.state == "stopped"
    await engine.load()
    status = engine.status
    assert (status.state, status.failure) == ("ready", None)
    assert status.context_tokens is not None
    assert status.context_tokens > 0
    assert status.has_fim is not None
    await engine.unload()
    assert engine.status.state == "stopped"
    assert await engine.slots() == []


async def test_what_was_unloaded_is_loaded_again_when_it_is_asked(engine: Engine) -> None:
    await engine.load()
    await engine.unload()
    assert await text_of(engine, order(PROMPTS["raw"]))
    assert engine.status.state == "ready"


async def test_many_who_wait_for_loading_are_all_served(engine: Engine) -> None:
    await asyncio.gather(*(engine.load() for _ in range(5)))
    assert engine.status.state == "ready"


async def test_what_is_closed_in_the_middle_leaves_the_engine_as_it_was(engine: Engine) -> None:
    for prompt in PROMPTS.values():
        async with aclosing(engine.generate(order(prompt, max_tokens=100))) as events:
            async for each in events:
                if isinstance(each, Piece):
                    break
        assert engine.status.state == "ready"
        assert await text_of(engine, order(prompt))


async def test_text_ends_before_a_stop_sequence(computing: Engine) -> None:
    for prompt in PROMPTS.values():
        whole = await text_of(computing, order(prompt, max_tokens=24))
        stop = whole[len(whole) // 2 :][:3]
        events = await run(computing, order(prompt, max_tokens=24, stop=(stop,)))
        text = "".join(each.text for each in events if isinstance(each, Piece))
        assert text == whole[: whole.index(stop)]
        assert isinstance(events[-1], Finished)
        assert events[-1].reason == "stop"


async def test_text_that_was_generated_already_is_a_part_of_the_prompt(computing: Engine) -> None:
    for prompt in PROMPTS.values():
        counts = []
        for text in ("", "a = b + c\n" * 4):
            events = await run(computing, order(prompt, max_tokens=1, continue_from=text))
            assert isinstance(events[-1], Finished)
            counts.append(events[-1].prompt_tokens)
        assert counts[1] > counts[0] + 8


async def test_nothing_to_continue_is_an_invalid_request(subject: Subject, engine: Engine) -> None:
    if subject.begins_from_nothing:
        assert await text_of(engine, order(RawPrompt("")))
        return
    with pytest.raises(EmptyPromptError):
        await run(engine, order(RawPrompt("")))
    assert engine.status.state == "ready"


@contextlib.asynccontextmanager
async def replayed_missing(kind: str) -> AsyncIterator[Engine]:
    replies = {"/api/show": [recorded.OLLAMA_MISSING]}
    async with hosted(kind, replies, model=Path("missing")) as served:
        yield served.engine


MISSING: dict[str, Callable[[Path], AbstractAsyncContextManager[Engine]]] = {
    "llama.cpp": lambda folder: llama_cpp(folder / "missing.gguf"),
    "ollama": lambda _: replayed_missing("ollama"),
    "openai": lambda _: replayed_missing("openai"),
}


@pytest.mark.parametrize("kind", MISSING)
async def test_a_model_that_is_missing_is_said(tmp_path: Path, kind: str) -> None:
    async with MISSING[kind](tmp_path) as engine:
        with pytest.raises(ModelFailedError, match="missing") as failure:
            await engine.load()
        assert failure.value.retry_after_s is not None
        assert engine.status.state == "failed"
        assert engine.status.failure == failure.value.message
        with pytest.raises(EngineFailedError):
            await run(engine, order(PROMPTS["raw"]))

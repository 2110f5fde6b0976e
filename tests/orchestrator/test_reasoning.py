"""Who thinks before answering, about what, how long; and that no thought is in any answer."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_backend.wire import InferenceRequest, ModelInfo
from orchestrator.core.complexity import complexity
from orchestrator.core.reasoning import Reasoning, ReasoningPolicy, in_time, reason, thinking_tokens
from orchestrator.core.thinking import WITHOUT_THOUGHT, Thoughts, thinks
from tests.fakes import behaviours as b
from tests.fakes.exchange import Exchange
from tests.fakes.node import FakeNode
from tests.orchestrator.pool import service

THINKER, PLAIN = "qwen3:14b", "qwen2.5-coder:7b"
EASY = "Rename x to count and add a docstring."
HARD = (
    "Debug the intermittent deadlock in this scheduler: find the root cause, prove that the fix is "
    "free of race conditions, and then design a lock-free alternative. Explain the trade-offs. "
    "Also show why it scales, and finally optimize the worst-case latency. Keep the interface as "
    "it is, and say which assumptions you make about the platform, the interpreter and its "
    "threads, one by one, in the order in which they matter for the result."
)


@pytest.mark.parametrize(
    ("instruction", "code_chars", "least", "most"),
    [
        ("", 0, 0.0, 1.0),
        (EASY, 300, 0.0, 1.5),
        ("Sort imports", 5000, 0.0, 2.0),
        ("Write a function that parses a date", 0, 1.0, 2.0),
        ("Convert this function to async and handle its errors", 1200, 1.0, 3.0),
        ("Why does this leak memory under concurrent load?", 2000, 4.0, 7.0),
        (HARD, 3000, 9.5, 10.0),
    ],
)
def test_complexity(instruction: str, code_chars: int, least: float, most: float) -> None:
    assert least <= complexity(instruction, code_chars).score <= most


@given(st.text(), st.integers(0, 10**7))
def test_complexity_is_from_0_to_10_and_grows_with_the_code(text: str, chars: int) -> None:
    small, large = complexity(text).score, complexity(text, chars).score
    assert 0 <= small <= large <= 10


@pytest.mark.parametrize(
    ("mode", "score", "tokens"),
    [
        ("off", 10.0, 0),
        ("auto", 3.9, 0),
        ("auto", 4.0, 1200),
        ("auto", 8.0, 2400),
        ("auto", 9.5, 6000),
        ("always", 0.0, 1200),
        ("always", 8.0, 2400),
        ("always", 10.0, 6000),
    ],
)
def test_budget(mode: str, score: float, tokens: int) -> None:
    assert thinking_tokens(ReasoningPolicy(mode), score) == tokens  # type: ignore[arg-type]


def chosen(
    policy: ReasoningPolicy, wanted: tuple[str, ...] = (), served: tuple[str, ...] = (THINKER,)
) -> str | None:
    decision = reason(policy, 10.0, wanted, (THINKER, "qwq"), served)
    return None if decision is None else decision.model


def test_model_that_thinks() -> None:
    auto = ReasoningPolicy()
    assert chosen(auto) == THINKER
    assert chosen(auto, served=("qwq:latest",)) == "qwq:latest"
    assert chosen(auto, served=(PLAIN,)) is None
    assert chosen(auto, wanted=(PLAIN,), served=(PLAIN, THINKER)) is None
    assert chosen(auto, wanted=(THINKER,), served=(PLAIN, THINKER)) == THINKER
    assert chosen(ReasoningPolicy(model="own"), served=("own:latest", THINKER)) == "own:latest"
    assert chosen(ReasoningPolicy(model="own"), served=(THINKER,)) is None
    assert chosen(ReasoningPolicy(uses_model=False)) is None
    assert chosen(ReasoningPolicy(uses_model=False), wanted=(THINKER,)) == THINKER
    assert chosen(ReasoningPolicy(max_thinking_tokens=0)) is None


def test_thinking_leaves_time_for_the_answer() -> None:
    assert in_time(6000, None, 1.0) == 6000
    assert in_time(6000, 100.0, 0.1) == 500
    assert in_time(6000, 2.0, 0.1) == 0
    assert in_time(6000, -1.0, 0.1) == 0


@pytest.mark.parametrize(
    ("model", "does"),
    [
        ("qwen3:14b", True),
        ("hf.co/unsloth/Qwen3-8B-GGUF", True),
        ("deepseek-r1:7b", True),
        ("qwen3-coder:30b", False),
        ("qwen3-4b-instruct-2507", False),
        ("qwen2.5-coder:7b", False),
        ("llama3.1:70b", False),
    ],
)
def test_models_known_to_think(model: str, does: bool) -> None:
    assert thinks(model) is does


def split(pieces: list[str]) -> tuple[str, str]:
    thoughts, thought, answer = Thoughts(), "", ""
    for piece in pieces:
        thought_piece, answer_piece = thoughts.feed(piece)
        thought, answer = thought + thought_piece, answer + answer_piece
    return thought, answer + thoughts.rest()


@pytest.mark.parametrize(
    ("text", "thought", "answer"),
    [
        ("x = 1", "", "x = 1"),
        ("<think>a < b</think>\n\nx = 1", "a < b", "x = 1"),
        ("\n<think></think>x</think>", "", "x</think>"),
        ("<thin air", "", "<thin air"),
        ("<thin", "", "<thin"),
        ("<think>never ends </thin", "never ends ", ""),
        ("  if x:", "", "  if x:"),
        ("a <think> b </think>", "", "a <think> b </think>"),
    ],
)
@given(cuts=st.lists(st.integers(0, 40), max_size=8))
def test_thought_and_answer_are_told_apart_however_the_text_is_cut(
    cuts: list[int], text: str, thought: str, answer: str
) -> None:
    bounds = [0, *sorted(cuts), len(text)]
    pieces = [text[start:end] for start, end in pairwise(bounds)]
    assert split(pieces) == (thought, answer)


def thinker(node: FakeNode) -> b.Behaviour:
    """Answer as a model that thinks: to an open mark with thoughts, else with the answer."""
    node.models = [ModelInfo(name=THINKER, size_bytes=1, loaded=True)]

    async def behave(exchange: Exchange, asked: InferenceRequest) -> None:
        is_thinking = asked.continue_from == "<think>\n"
        pieces = ["first", " this"] if is_thinking else ["def ", "f(): ..."]
        await b.ok(pieces, model=THINKER)(exchange, asked)

    return behave


def a_thinker() -> FakeNode:
    node = FakeNode()
    node.behaviour = thinker(node)
    return node


ASK = {"prompt": None, "instruct": {"instruction": HARD, "code": "x = 1", "path": "a.py"}}


async def test_thoughts_are_progress_and_the_answer_follows_them() -> None:
    async with a_thinker() as node, service(node) as pool:
        events = await pool.ask_stream(**ASK)
        names = [name for name, _ in events]
        assert names[0] == "route"
        assert names.count("route") == 1
        thoughts = [data["detail"] for _, data in events if data.get("stage") == "thinking"]
        assert "".join(each["text"] for each in thoughts) == "first this"
        assert "".join(data.get("token", "") for _, data in events) == "def f(): ..."
        assert events[-1][1]["thought"] == {"complexity": complexity(HARD, 5).score, "tokens": 2}
        assert events[-1][1]["usage"]["completion_tokens"] == 4
        first, second = node.requests
        assert (first.max_tokens, first.stop) == (6000, ["</think>"])
        assert second.continue_from.startswith("<think>\nfirst this\n</think>\n\n```python")
        assert second.messages == first.messages
        assert (second.max_tokens, second.stop) == (50, ["\n```"])


@pytest.mark.parametrize(
    ("changes", "settings"),
    [
        ({}, {"reasoning_mode": "off"}),
        ({}, {"use_reasoning_model": False}),
        ({}, {"reasoning_model": "not-there"}),
        ({}, {"max_thinking_tokens": 0}),
        ({"instruct": {"instruction": EASY, "code": "x = 1"}}, {}),
        ({"deadline_ms": 2000}, {}),
        ({"instruct": None, "prompt": HARD}, {}),
        ({"continue_from": "def "}, {}),
    ],
)
async def test_answered_at_once(changes: dict[str, object], settings: dict[str, Any]) -> None:
    async with a_thinker() as node, service(node, **settings) as pool:
        answer = (await pool.ask(**{**ASK, **changes})).json()
        assert answer["text"] == "def f(): ..."
        assert answer["thought"] is None
        assert len(node.requests) == 1


async def test_settings_shape_the_thinking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDRA_REASONING_MODE", "always")
    monkeypatch.setenv("HYDRA_REASONING_MODEL", THINKER)
    monkeypatch.setenv("HYDRA_MAX_THINKING_TOKENS", "1000")
    monkeypatch.setenv("HYDRA_DEEP_THINKING_THRESHOLD", "0")
    async with a_thinker() as node, service(node) as pool:
        await pool.ask(**{**ASK, "instruct": {"instruction": EASY, "code": "x"}})
        assert [asked.max_tokens for asked in node.requests] == [1000, 50]


async def test_chat_that_is_not_worth_it_is_kept_from_thinking() -> None:
    async with a_thinker() as node, service(node, reasoning_mode="off") as pool:
        turns = [{"role": "user", "content": HARD}]
        await pool.ask(prompt=None, messages=turns, model=THINKER)
        assert node.requests[0].continue_from == WITHOUT_THOUGHT


async def test_thoughts_of_a_model_that_nobody_asked_to_think_are_no_answer() -> None:
    async with FakeNode() as node, service(node) as pool:
        node.behaviour = b.ok(["<thi", "nk>hm</th", "ink>\n\n", "x", " = 1"])
        body = {"model": "x", "messages": [{"role": "user", "content": "go"}], "stream": True}
        answer = await pool.http.post("/v1/chat/completions", json=body)
        told = [json.loads(line[6:]) for line in answer.text.split("\n") if line[6:7] == "{"]
        deltas = [choice["delta"] for each in told for choice in each["choices"]]
        assert "".join(delta.get("content", "") for delta in deltas) == "x = 1"
        events = await pool.ask_stream(prompt=None, messages=body["messages"])
        assert [data["detail"]["text"] for _, data in events if data.get("stage") == "thinking"]


async def test_node_lost_while_it_thinks_is_replaced() -> None:
    async with a_thinker() as node, a_thinker() as other, service(node, other) as pool:
        node.behaviour = b.reset_after(["fir"])
        events = await pool.ask_stream(**ASK)
        assert events[-1][1]["node"] == "b", events
        assert "".join(data.get("token", "") for _, data in events) == "def f(): ..."


def test_reasoning_is_a_value() -> None:
    assert reason(ReasoningPolicy(), 10.0, (), (THINKER,), (THINKER,)) == Reasoning(
        THINKER, 10.0, 6000
    )

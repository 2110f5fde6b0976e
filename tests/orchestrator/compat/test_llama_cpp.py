"""The pool by the request bodies that llama.vim and llama.vscode document and send."""

import json
from typing import Any

import pytest

from orchestrator.compat.cutting import Cutter
from tests.fakes.behaviours import MODEL, fail_after, hang_after, ok, refuse
from tests.fakes.node import FakeNode
from tests.orchestrator.pool import service, until_stats

EXTRA = {"text": "def g(): pass\n", "time": [1, 2], "filename": "g.py"}
TIMINGS = [
    f"timings/{kind}_{unit}"
    for kind in ("prompt", "predicted")
    for unit in ("n", "ms", "per_token_ms", "per_second")
]
VIM: dict[str, Any] = {
    "id_slot": 0,
    "input_prefix": "import g\n\n",
    "input_suffix": "\n\nprint(f())\n",
    "input_extra": [EXTRA],
    "prompt": "def f():",
    "n_predict": 128,
    "stop": [],
    "n_indent": 0,
    "top_k": 40,
    "top_p": 0.99,
    "stream": False,
    "samplers": ["top_k", "top_p", "infill"],
    "cache_prompt": True,
    "t_max_prompt_ms": 500,
    "t_max_predict_ms": 1000,
    "response_fields": ["content", *TIMINGS, "truncated", "tokens_cached"],
}
VSCODE: dict[str, Any] = {
    "input_prefix": "import g\n\n",
    "input_suffix": "\n",
    "input_extra": [{"text": "x", "time": 1732000000000, "filename": "x.py"}],
    "prompt": "    return ",
    "n_predict": 128,
    "top_k": 40,
    "top_p": 0.99,
    "stream": False,
    "samplers": ["top_k", "top_p", "infill"],
    "cache_prompt": True,
    "n_indent": 4,
    "t_max_prompt_ms": 500,
    "t_max_predict_ms": 2500,
}
PREPARING: dict[str, Any] = {
    "input_prefix": "",
    "input_suffix": "",
    "input_extra": [EXTRA],
    "prompt": "",
    "n_predict": 0,
    "samplers": [],
    "cache_prompt": True,
    "t_max_prompt_ms": 500,
    "t_max_predict_ms": 1,
    "response_fields": [""],
}


async def test_llama_vim() -> None:
    async with FakeNode() as node, service(node) as pool:
        answer = (await pool.http.post("/infill", json=VIM)).json()
        assert set(answer) == set(VIM["response_fields"])
        assert (answer["content"], answer["truncated"]) == ("hello world", False)
        assert (answer["timings/predicted_n"], answer["timings/predicted_ms"]) == (3, 30.0)
        assert answer["timings/predicted_per_second"] == pytest.approx(100.0)
        asked = (await node.next_request()).infill
        assert asked is not None
        assert (asked.prefix, asked.suffix) == ("import g\n\ndef f():", "\n\nprint(f())\n")
        assert [(each.path, each.text) for each in asked.snippets] == [("g.py", "def g(): pass\n")]


async def test_llama_vscode() -> None:
    async with FakeNode() as node, service(node) as pool:
        node.behaviour = ok(["a\n", "    b", "\n", "c", " never"])
        answer = (await pool.http.post("/infill", json=VSCODE)).json()
        assert (answer["content"], answer["stop"], answer["stop_type"]) == (
            "a\n    b",
            True,
            "limit",
        )
        await until_stats(pool, active_requests=0)


async def test_dedent_ends_it_and_frees_the_node() -> None:
    async with FakeNode() as node, service(node) as pool:
        node.behaviour = hang_after(["a\n", "b = 1"])
        answer = (await pool.http.post("/infill", json=VSCODE)).json()
        assert answer["content"] == "a"
        await node.next_cancellation()
        await until_stats(pool, active_requests=0)


async def test_preparing_answers_nothing() -> None:
    async with FakeNode() as node, service(node) as pool:
        assert (await pool.http.post("/infill", json=PREPARING)).json() == {}
        assert (await node.next_request()).max_tokens == 1


async def test_completion_both_ways() -> None:
    async with FakeNode() as node, service(node) as pool:
        asked = {"prompt": "x", "n_predict": 9, "temperature": 0.1}
        answer = (await pool.http.post("/completion", json=asked)).json()
        assert (answer["content"], answer["model"], answer["stop_type"]) == (
            "hello world",
            MODEL,
            "eos",
        )
        streamed = await pool.http.post("/completion", json={**asked, "stream": True})
        chunks = [json.loads(line[6:]) for line in streamed.text.split("\n\n") if line]
        assert [chunk["content"] for chunk in chunks] == ["hello", " ", "world", ""]
        assert [chunk["stop"] for chunk in chunks] == [False, False, False, True]
        assert chunks[-1]["timings"]["prompt_ms"] == 20.0


async def test_state() -> None:
    async with FakeNode() as node, service(node) as pool:
        assert (await pool.http.get("/health")).json()["status"] == "ok"
        props = (await pool.http.get("/props")).json()
        assert (props["total_slots"], props["model_path"]) == (2, MODEL)
        slots = (await pool.http.get("/slots")).json()
        assert [slot["is_processing"] for slot in slots] == [False, False]
        refused = await pool.http.post("/tokenize", json={"content": "x"})
        assert (refused.status_code, refused.json()["error"]["type"]) == (
            501,
            "not_supported_error",
        )


async def test_errors_are_llama_cpp_s() -> None:
    async with FakeNode() as node, service(node, key="k") as pool:
        refused = await pool.http.post("/infill", json=VIM, headers={"X-API-Key": "wrong"})
        assert refused.json()["error"]["type"] == "authentication_error"
        del pool.http.headers["X-API-Key"]
        bearer = {"Authorization": "Bearer k"}
        assert (await pool.http.post("/infill", json=VIM, headers=bearer)).status_code == 200
        bad = await pool.http.post("/infill", json={"n_predict": "many"}, headers=bearer)
        assert bad.json()["error"]["code"] == bad.status_code == 400
        node.behaviour = refuse(503, 7)
        shed = await pool.http.post("/infill", json=VIM, headers=bearer)
        assert (shed.json()["error"]["type"], shed.headers["retry-after"]) == (
            "unavailable_error",
            "7",
        )
        node.behaviour = fail_after(["a"])
        failed = await pool.http.post("/infill", json={**VIM, "stream": True}, headers=bearer)
        assert '"type": "server_error"' in failed.text.split("\n\n")[-2]


def cut(*timed: tuple[str, float], n_indent: int = 0, max_predict_s: float | None = None) -> str:
    cutter = Cutter(n_indent, max_predict_s)
    told = ""
    for piece, at in timed:
        told += cutter.feed(piece, at)
        if cutter.is_cut:
            return f"{told}|"
    return told + cutter.rest()


CUTS: list[tuple[str, int, str]] = [
    ("a\n  b\nc", 2, "a\n  b|"),
    ("a\n  b\n\n  c\nd", 2, "a\n  b\n\n  c|"),
    ("a\n\n  \nb", 2, "a|"),
    ("a\nb", 0, "a\nb"),
    ("a\n", 4, "a\n"),
    ("a\n  ", 4, "a\n  "),
    ("a\n\tb\nc", 1, "a\n\tb|"),
    ("  a", 4, "  a"),
]


@pytest.mark.parametrize(("text", "n_indent", "expected"), CUTS)
def test_indentation(text: str, n_indent: int, expected: str) -> None:
    """Cut at the same place however the text is cut into pieces."""
    assert cut((text, 0.0), n_indent=n_indent) == expected
    assert cut(*[(char, 0.0) for char in text], n_indent=n_indent) == expected


def test_time_ends_it_only_when_a_line_is_there() -> None:
    pieces = (("a", 0.0), ("b", 5.0), ("\n", 6.0), ("c", 7.0))
    assert cut(*pieces, max_predict_s=1.0) == "ab\n|"
    assert cut(*pieces, max_predict_s=9.0) == "ab\nc"

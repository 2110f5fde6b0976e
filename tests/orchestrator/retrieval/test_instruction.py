"""Which part of a raw prompt is the instruction, and what is left as code."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from orchestrator.retrieval.document import read
from orchestrator.retrieval.instruction import Asked, Source, extract, is_template
from orchestrator.retrieval.mentions import mentions
from orchestrator.retrieval.targets import targets

GOLDEN = Path(__file__).parents[2] / "golden" / "compress" / "instructions.toml"
TABLE = tomllib.loads(GOLDEN.read_text(encoding="utf-8"))
CODE = TABLE["code"].strip("\n")


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in TABLE["case"]])
def test_extraction(case: dict[str, Any]) -> None:
    asked = extract(case["prompt"].replace("{code}", CODE).replace("{fence}", "```"))
    if "instruction" not in case:
        assert asked is None
        return
    code = f"{case['code_starts']}\n{CODE}" if "code_starts" in case else CODE
    assert asked == Asked(case["instruction"], (Source(code, case.get("language")),))


def test_prose_alone_has_no_code() -> None:
    assert extract("Write me a parser for dates.") == Asked("Write me a parser for dates.", ())


def test_several_fences_are_several_sources() -> None:
    asked = extract("Port this:\n```go\nfunc a() {}\n```\nas in\n```rust\nfn b() {}\n```\n")
    assert asked == Asked(
        "Port this:\nas in", (Source("func a() {}", "go"), Source("fn b() {}", "rust"))
    )


def test_fences_within_code_do_not_cut_it() -> None:
    code = "def f():\n    return 1\n\n\ndef g():\n'''\n```\nf()\n```\n'''\n    return f()\n"
    assert extract("# Refactor this to async\n" + code) == Asked(
        "Refactor this to async", (Source(code.strip("\n")),)
    )


def test_a_comment_about_one_function_keeps_its_place() -> None:
    before, after = "def a():\n    pass\n\n\n", "def b():\n    pass"
    asked = extract(f"{before}# Refactor this function to use async\n{after}\n\n\nprint(a(), b())")
    assert asked is not None
    assert asked.sources[0].text.split("\n")[asked.sources[0].anchor_line - 1] == "def b():"


@pytest.mark.parametrize(
    "prompt",
    [
        "<|im_start|>user\nRefactor<|im_end|>",
        "[INST] Refactor [/INST]",
        "<fim_prefix>a<fim_suffix>",
    ],
)
def test_templates_are_recognised(prompt: str) -> None:
    assert is_template(prompt)
    assert not is_template("a <b> [c] <|> d")


NAMES = """
class Client:
    def fetch(self): pass
    def close(self): pass
    def list(self): pass
class Pool:
    def fetch(self): pass
    def close(self): pass
    async def __aexit__(self): pass
def run(): pass
def user_service(): pass
TIMEOUT_S = 1
"""


@pytest.mark.parametrize(
    ("instruction", "meant"),
    [
        ("Refactor fetch to async/await", "Client.fetch Pool.fetch"),
        ("Refactor fetch in Pool", "Pool.fetch"),
        ("Refactor Client.fetch to async", "Client.fetch"),
        ("Make the close method of class Client async", "Client.close"),
        ("Refactor Client's fetch", "Client.fetch"),
        ("Refactor Client to async", "Client"),
        ("Add a retry method to Pool", "Pool"),
        ("Please refactor close and list", "Client.close Client.list Pool.close"),
        ("Explain the user service", "user_service"),
        ("Explain what run does", "run"),
        ("What does `run` do?", "run"),
        ("Why is run so slow?", "run"),
        ("Refactor __aexit__ to async/await", "Pool.__aexit__"),
        ("raise TIMEOUT_S to 2", "TIMEOUT_S"),
        ("重构fetch函数", "Client.fetch Pool.fetch"),
        ("Refactor this to use async/await", ""),
        ("Make this async; return a list", ""),
        ("Refactor other_name", ""),
    ],
)
def test_names_mean_definitions(instruction: str, meant: str) -> None:
    document = read(NAMES, "python")
    found = targets(mentions(instruction), document)
    assert {".".join(document.outline.chain(index)) for index in found} == {*meant.split()}

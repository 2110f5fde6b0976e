"""From a raw prompt or an instruction to the prompt that a model gets."""

import time
import tomllib
from pathlib import Path

import pytest

from orchestrator.retrieval.guess import guess_language
from orchestrator.retrieval.pipeline import Limits, prepare_instruct, prepare_prompt
from orchestrator.retrieval.select import Budget

GOLDEN = Path(__file__).parents[2] / "golden" / "compress"
SEED = tomllib.loads((GOLDEN / "seed.toml").read_text(encoding="utf-8"))
BLOCK = SEED["block"].lstrip("\n")
ONCE = BLOCK.rstrip().replace("\n\n\n", "\n\n")
SEED_PROMPT = f"# INSTRUCTION: {SEED['instruction']}\n\n" + BLOCK * SEED["repeats"]


@pytest.mark.parametrize("language", ["python", "py", None])
def test_seed_case_has_ten_blocks_of_which_two_differ(language: str | None) -> None:
    prepared = prepare_prompt(SEED_PROMPT, language)
    report = prepared.report
    assert report.chars_in == pytest.approx(8344, abs=150)
    assert (report.chunks, report.unique, report.selected) == (10, 2, 2)
    assert report.chars_out == len(prepared.prompt) <= 0.38 * report.chars_in
    assert prepared.prompt == (
        f"# INSTRUCTION: {SEED['instruction']}\n\nHere is the code:\n```python\n"
        f"{ONCE}\n```\n\nRefactored code:\n```python\n"
    )
    assert prepared.stop == "\n```"


def test_seed_case_without_a_grammar_finds_repetitions_at_shifted_boundaries() -> None:
    prepared = prepare_prompt(SEED_PROMPT, "some-language")
    assert prepared.report.chunks == 10
    assert prepared.report.unique == 2
    assert prepared.report.chars_out <= 0.38 * prepared.report.chars_in
    assert BLOCK.rstrip() in prepared.prompt


def test_a_name_selects_its_one_definition_among_the_repetitions() -> None:
    prepared = prepare_prompt(
        "Refactor store_user_profiles to use aiosqlite:\n\n" + BLOCK * 5, "python"
    )
    assert prepared.prompt.count("def store_user_profiles") == 1
    assert prepared.prompt.count("def fetch_user_profiles") == 1  # shares its words
    assert prepared.report.unique == 2


UNLIKE = "\n\n\n".join(
    f"def step_{n}(value):\n    return [value * {n}, '{chr(97 + n) * 60}']" for n in range(24)
)


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        ("# Refactor this to async\ndef f():\n    pass\n", "short"),
        (BLOCK * 5, "no-instruction"),
        ("Explain to me how this could be so, please.\n" * 50, "no-code"),
        ("<|im_start|>user\n" + SEED_PROMPT, "template"),
        ("# Refactor this to async\n" + UNLIKE, "saves-little"),
    ],
)
def test_a_prompt_stays_as_it_is_for_a_reason(prompt: str, reason: str) -> None:
    prepared = prepare_prompt(prompt, "python")
    assert (prepared.prompt, prepared.stop, prepared.unchanged) == (prompt, None, reason)
    assert prepared.report.chars_in == prepared.report.chars_out == len(prompt)


def test_an_instruction_on_short_code_keeps_the_code_whole() -> None:
    prepared = prepare_instruct("Refactor f", "def f():\n    pass\n", "pkg/a.py")
    assert prepared.unchanged == "short"
    assert "```python\ndef f():\n    pass\n```" in prepared.prompt


def test_an_instruction_on_code_selects_what_it_names() -> None:
    prepared = prepare_instruct("Refactor step_7 to async", UNLIKE, "pkg/a.py")
    assert prepared.unchanged is None
    assert "def step_7(value):" in prepared.prompt
    assert "def step_8" not in prepared.prompt


def test_code_over_the_budget_is_shortened_even_where_it_would_not_pay() -> None:
    limits = Limits(budget=Budget(chars=len(UNLIKE) - 20, chunks=99))
    prepared = prepare_instruct("Refactor this to async", UNLIKE, "python", limits)
    assert prepared.unchanged is None
    assert prepared.report.selected < prepared.report.unique == 24


@pytest.mark.parametrize(
    ("code", "language"),
    [
        ("package a\n\nfunc b() int {\n\treturn 1\n}\n", "go"),
        ("use std::io;\n\npub fn main() {\n    let mut x = 1;\n}\n", "rust"),
        ("const a = 1;\nfunction b() {\n  return a;\n}\n", "javascript"),
        ("import os\n\ndef f():\n    return os\n", "python"),
        ("some words that are no code", None),
    ],
)
def test_the_language_of_code_without_one_is_guessed(code: str, language: str | None) -> None:
    assert guess_language(code) == language


def test_code_whose_parsing_is_stopped_is_cut_into_blocks() -> None:
    prompt = "# Refactor this to async\n" + "((((((((" * 1500
    prepared = prepare_prompt(prompt, "python", stop=lambda: True)
    assert prepared.report.chunks > 10
    assert prepared.report.unique <= 2  # the last block is shorter


@pytest.mark.parametrize(
    "prompt",
    [
        "# \n" * 5000,
        "# task: a\n" * 1600,
        "Refactor foo_bar, " * 800 + "\n\n" + BLOCK,
        "/*\n" * 5000,
        "Refactor close:\n\n" + "class A:\n    def close(self):\n        b.close()\n" * 300,
    ],
)
def test_no_prompt_of_16_kb_takes_long(prompt: str) -> None:
    prepare_prompt("Refactor a\n" + BLOCK * 5, "python")  # loads the grammar
    begun = time.process_time()
    prepare_prompt(prompt, "python")
    assert time.process_time() - begun < 0.5  # each of these took seconds when it was quadratic

"""The prompt of an instruction."""

import pytest

from orchestrator.retrieval.assemble import assemble_instruction


def test_instruction_comes_first_then_the_code_then_the_place_for_the_answer() -> None:
    assembled = assemble_instruction("Refactor to use async/await", "def f(): ...\n", "python")
    assert assembled.prompt == (
        "# INSTRUCTION: Refactor to use async/await\n\n"
        "Here is the code:\n```python\ndef f(): ...\n```\n\n"
        "Refactored code:\n```python\n"
    )
    assert assembled.stop == "\n```"


def test_without_code_there_is_only_the_place_for_it() -> None:
    assembled = assemble_instruction("Write a parser", "  \n", "rust")
    assert assembled.prompt == "# INSTRUCTION: Write a parser\n\nCode:\n```rust\n"


@pytest.mark.parametrize(("code", "fence"), [("a `b`", "```"), ("```\nx\n```", "````")])
def test_fences_outgrow_those_in_the_code(code: str, fence: str) -> None:
    assembled = assemble_instruction("Explain", code)
    assert f"\n{fence}\n{code}\n{fence}\n" in assembled.prompt
    assert assembled.prompt.endswith(f"\n{fence}\n")
    assert assembled.stop == f"\n{fence}"


def test_instruction_and_language_stay_on_their_lines() -> None:
    assembled = assemble_instruction("one\n# INSTRUCTION: two", "x", "c++\n```")
    assert assembled.prompt.splitlines()[0] == "# INSTRUCTION: one # INSTRUCTION: two"
    assert "\n```c++\nx\n" in assembled.prompt

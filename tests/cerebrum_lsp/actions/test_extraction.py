"""Code out of what chat models write around it."""

import pytest

from cerebrum_lsp.core.actions.extraction import (
    candidates,
    fence_around,
    has_ended,
    prose_of,
)

CODE = "def f():\n    return 1\n"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(f"```python\n{CODE}```", CODE, id="a fence"),
        pytest.param(f"Sure:\n```\n{CODE}```\nDone.", CODE, id="a fence without a language"),
        pytest.param(f"```python\n{CODE}", CODE, id="a fence that was never closed"),
        pytest.param(
            f"````py\n{CODE}```\nx\n````", f"{CODE}```\nx\n", id="a fence in a longer one"
        ),
        pytest.param(f"~~~\n{CODE}```\n~~~", f"{CODE}```\n", id="other marks"),
        pytest.param(f"  ```python\n{CODE}  ```", CODE, id="an indented fence"),
        pytest.param(f"<think>\n```\nno\n```\n</think>\n```\n{CODE}```", CODE, id="thoughts"),
        pytest.param(f"Here you are:\n\n{CODE}", CODE, id="no fence"),
        pytest.param(f"@x\n{CODE}", f"@x\n{CODE}", id="a decorator"),
    ],
)
def test_the_first_candidate_is_the_code(answer: str, expected: str) -> None:
    assert candidates(answer)[0] == expected


@pytest.mark.parametrize("answer", ["", "I can't do that.", "<think>def f(): pass</think>No."])
def test_an_answer_without_code_has_no_candidates(answer: str) -> None:
    assert candidates(answer) == []


def test_talk_after_bare_code_is_left_out_by_a_later_candidate() -> None:
    found = candidates(f"{CODE}\nThis returns one.\n\nEnjoy!")
    assert CODE.rstrip() in [each.rstrip() for each in found]
    assert len(found) == 3


def test_all_blocks_are_candidates_in_their_order() -> None:
    assert candidates("```\na\n```\nor\n```\nb\n```") == ["a\n", "b\n"]


@pytest.mark.parametrize(
    ("answer", "ended"),
    [
        ("```python\nx = 1\n", False),
        ("```python\nx = 1\n```", True),
        ("```python\nx = '``'\n``", False),
        ("````python\nx\n```\n", False),
        ("talk, and no code", False),
        ("<think>```\nx\n```", False),
    ],
)
def test_an_answer_has_ended_when_its_block_is_closed(answer: str, ended: bool) -> None:
    assert has_ended(answer) is ended


@pytest.mark.parametrize(
    ("code", "fence"), [("x", "```"), ("``", "```"), ("```", "````"), ("`````\n```", "``````")]
)
def test_a_fence_is_longer_than_any_in_the_code(code: str, fence: str) -> None:
    assert fence_around(code) == fence
    assert candidates(f"{fence}\n{code}\n{fence}") == [f"{code}\n"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("It adds.", "It adds."),
        ("It adds.\n```\nx\n```\nAnd more.", "It adds.\nAnd more."),
        ("```\nIt adds.\n```", "It adds."),
        ("<think>hm</think>It adds.", "It adds."),
    ],
)
def test_prose_is_what_stands_outside_of_blocks(answer: str, expected: str) -> None:
    assert prose_of(answer) == expected

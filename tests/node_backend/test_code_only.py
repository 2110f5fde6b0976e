"""Of a chat model's answer, only what can be inserted at the cursor is left, however it arrives."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_backend.core.code_only import CodeOnly

RETURN = "def add(a, b):\n    return "


def shown(prefix: str, pieces: list[str], stop: tuple[str, ...] = ()) -> str:
    answer = CodeOnly(prefix, stop)
    text = "".join(answer.feed(piece) for piece in pieces)
    return text + answer.end()


CASES = [
    # prefix, stop, answer, shown
    (RETURN, (), "a + b", "a + b"),
    (RETURN, (), "```python\na + b\n```", "a + b"),
    (RETURN, (), "\n```\na + b\n```\nThis adds them.", "a + b"),
    (RETURN, (), "```python\n    return a + b\n```", "a + b"),
    (RETURN, (), "return a + b", "a + b"),
    (RETURN, (), " a + b", "a + b"),
    (RETURN, (), "rate", "rate"),
    (RETURN, (), "ret", "ret"),
    (RETURN, (), "", ""),
    (RETURN, (), "```", ""),
    (RETURN, (), "```python\n```", ""),
    (RETURN, (), "```python\na + b\n``", "a + b"),
    (RETURN, (), "```python\na + b\n", "a + b"),
    (RETURN, (), "``", "``"),
    ("x = 1\n", (), "y = 2\n", "y = 2\n"),
    ("x = 1\n    ", (), "    y = 2\n    z = 3", "y = 2\n    z = 3"),
    ("x = 1", (), "\n    y = 2", "\n    y = 2"),
    ("f(a)", (), ") and (b", ") and (b"),
    # a text that was not fenced may contain a fence of its own
    ("# Title\n", (), "Say:\n```\nhello\n```\n", "Say:\n```\nhello\n```\n"),
    # the caller's stop sequences count within the code only
    (RETURN, ("\n",), "```python\na + b\nmore\n```", "a + b"),
    (RETURN, ("\n\n", "def "), "```\na\n\ndef f(): ...\n```", "a"),
    (RETURN, ("STOP",), "a STO", "a STO"),
    (RETURN, ("STOP",), "a STOP b", "a "),
]


@pytest.mark.parametrize(("prefix", "stop", "answer", "expected"), CASES)
def test_what_is_left_of_an_answer(
    prefix: str, stop: tuple[str, ...], answer: str, expected: str
) -> None:
    assert shown(prefix, [answer], stop) == expected
    assert shown(prefix, list(answer), stop) == expected


@given(st.sampled_from(CASES), st.lists(st.integers(0, 40), max_size=5))
def test_the_pieces_in_which_it_arrives_make_no_difference(
    case: tuple[str, tuple[str, ...], str, str], cuts: list[int]
) -> None:
    prefix, stop, answer, expected = case
    edges = [0, *sorted(min(cut, len(answer)) for cut in cuts), len(answer)]
    pieces = [answer[begin:end] for begin, end in pairwise(edges)]
    assert shown(prefix, pieces, stop) == expected


def test_plain_code_is_not_held_back() -> None:
    answer = CodeOnly(RETURN, ("\n\n",))
    assert [answer.feed(piece) for piece in ("a", " + ", "b\n", "\n", "c")] == [
        "a",
        " + ",
        "b",
        "",
        "",
    ]
    assert answer.has_stopped


def test_after_a_stop_sequence_nothing_comes() -> None:
    answer = CodeOnly("", ("\n",))
    assert answer.feed("a\nb") == "a"
    assert answer.has_stopped
    assert (answer.feed("c"), answer.end()) == ("", "")

"""Lines are chosen by the words that they add, for their length, and each word counts once."""

from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cerebrum_lsp.core.index import Index
from cerebrum_lsp.core.retrieval.cover import cover
from cerebrum_lsp.core.retrieval.selection import Own, Selection

LIKELY = {"alpha": 0.5, "beta": 0.4, "gamma": 0.3}
LINES = ("alpha beta", "alpha", "beta " + "x" * 60, "gamma gamma", "delta", "alpha gamma")


def chosen(
    room_chars: int,
    *,
    shown: Iterable[str] = (),
    probabilities: Mapping[str, float] = LIKELY,
    least_per_char: float = 0.001,
    lines: tuple[str, ...] = LINES,
) -> list[int]:
    selection = Selection(Index(), Own("own.py", lines), room_chars)
    offered = [("own.py", range(1, len(lines) + 1))]
    cover(selection, offered, lambda word: probabilities.get(word, 0.0), set(shown), least_per_char)
    assert selection.left_chars >= 0
    return sorted(selection.chosen["own.py"])


@pytest.mark.parametrize(
    ("room_chars", "shown", "expected"),
    [
        (100, (), [1, 2, 4]),
        (11, (), [2]),
        (100, ("alpha", "gamma"), [1]),
        (100, ("alpha", "beta", "gamma"), []),
        (5, (), []),
    ],
    ids=["each word once", "room for one", "what the prompt shows", "nothing new", "no room"],
)
def test_the_lines_that_add_most_are_chosen(
    room_chars: int, shown: tuple[str, ...], expected: list[int]
) -> None:
    assert chosen(room_chars, shown=shown) == expected


def test_a_long_line_for_a_little_is_left_out() -> None:
    assert chosen(100, probabilities={"beta": 0.05}, lines=("beta " + "x" * 60,)) == []


WORDS = st.sampled_from(["alpha", "beta", "gamma", "delta", "epsilon"])


@given(
    st.lists(st.lists(WORDS, max_size=5).map(" ".join), max_size=12).map(tuple),
    st.integers(0, 120),
)
def test_every_chosen_line_adds_a_likely_word_and_all_fit(
    lines: tuple[str, ...], room_chars: int
) -> None:
    numbers = chosen(room_chars, lines=lines)
    words = [set(lines[number - 1].split()) & LIKELY.keys() for number in numbers]
    assert all(words)
    assert sum(len(lines[number - 1]) + 1 for number in numbers) <= room_chars

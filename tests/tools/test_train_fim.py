"""How the trainer of the bundled model cuts its examples and lays them out."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.train_model.fim import (
    KINDS,
    Cut,
    Example,
    Order,
    block_end,
    cut,
    line_spans,
    make_cut,
    windows,
)
from tools.train_model.layout import FIM_MIDDLE, FIM_SUFFIX, MIDDLE_WEIGHT, SPECIALS, layout
from tools.train_model.stream import FIRST_WEIGHT, Row, fit, lesson

CODE = """\
import os


def first(path):
    for name in os.listdir(path):
        if name:
            return name
    return None


class Thing:
    value = 1
"""
TEXTS = st.text(alphabet="ab (:\n\t\r é😀", max_size=200) | st.just(CODE)
DICE = st.randoms(use_true_random=False)


def dice(seed: int = 0) -> random.Random:
    return random.Random(seed)  # noqa: S311


@given(TEXTS, st.sampled_from(sorted(KINDS)), DICE)
def test_the_three_parts_are_the_window(text: str, kind: str, rng: random.Random) -> None:
    parts = cut(text, kind, rng)
    assert parts.prefix + parts.middle + parts.suffix == text


@given(TEXTS, DICE)
def test_a_drawn_cut_is_a_window_of_the_text(text: str, rng: random.Random) -> None:
    parts = make_cut(text, rng)
    assert (parts.prefix + parts.middle + parts.suffix) in text


@given(TEXTS, DICE)
def test_windows_are_the_file_cut_at_line_starts(text: str, rng: random.Random) -> None:
    assert "".join(windows(text, 5, 50, rng)) == text


@pytest.mark.parametrize("kind", ["rest", "line"])
def test_one_line_never_holds_its_break(kind: str) -> None:
    for seed in range(200):
        parts = cut(CODE, kind, dice(seed))
        assert "\n" not in parts.middle
        assert parts.suffix.startswith("\n")


@pytest.mark.parametrize(
    ("first", "last"),
    [
        pytest.param(1, 5, id="a function goes to its last line"),
        pytest.param(2, 4, id="a loop ends where its body ends"),
        pytest.param(3, 4, id="a condition too"),
        pytest.param(5, 5, id="the last line of a block is one line"),
        pytest.param(0, 7, id="an opening that opens nothing goes to the end of what it is in"),
    ],
)
def test_block(first: int, last: int) -> None:
    assert block_end(line_spans(CODE), first) == last


P, S, M = "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"
R, F, END = "<|repo_name|>", "<|file_sep|>", "<|endoftext|>"
CUT = Cut("p", "m", "s", "rest")


@pytest.mark.parametrize(
    ("example", "text"),
    [
        pytest.param(Example(CUT, "psm"), f"{P}p{S}s{M}m{END}", id="psm"),
        pytest.param(Example(CUT, "spm"), f"{S}s{P}p{M}m{END}", id="spm"),
        pytest.param(
            Example(CUT, "psm", file="filename"),
            f"{R}myproject\n{F}filename\n{P}p{S}s{M}m{END}",
            id="header",
        ),
        pytest.param(
            Example(CUT, "psm", repo=None, file="filename"),
            f"filename\n{P}p{S}s{M}m{END}",
            id="what llama.cpp leaves of the header",
        ),
        pytest.param(
            Example(CUT, "spm", file="a.py", extra=(("b.py", "x\n"), ("c.py", "y\n"))),
            f"{R}myproject\n{F}b.py\nx\n{F}c.py\ny\n{F}a.py\n{S}s{P}p{M}m{END}",
            id="snippets of other files",
        ),
    ],
)
def test_layout(example: Example, text: str) -> None:
    assert "".join(piece.text for piece in layout(example)) == text


def test_the_answer_weighs_most_and_the_marks_nothing() -> None:
    weights = {piece.text: piece.weight for piece in layout(Example(CUT, "psm", file="f"))}
    assert weights["m"] == weights[END] == MIDDLE_WEIGHT
    assert weights["p"] == weights["s"] == 1
    assert weights[P] == weights[S] == weights[M] == weights[R] == weights[F] == 0


@pytest.mark.parametrize(
    ("length", "kept"),
    [
        pytest.param(60, "myproject\nfilename\nabcdefgh123456xyz", id="all"),
        pytest.param(24, "me\nabcdefgh123456xyz", id="the header's start goes first"),
        pytest.param(17, "abcdefgh12xyz", id="then the suffix's end"),
        pytest.param(12, "defghxyz", id="then the prefix's start"),
    ],
)
def test_too_long_examples_lose_what_matters_least(length: int, kept: str) -> None:
    pieces = layout(Example(Cut("abcdefgh", "xyz", "123456", "rest"), "psm", file="filename"))
    ids, weights = fit(pieces, lambda text: [1000 + ord(c) for c in text], length)
    assert "".join(chr(i - 1000) for i in ids if i >= 1000) == kept
    assert len(ids) == len(weights) <= length
    assert ids[-1] == SPECIALS.index(END)


def encoded(text: str) -> list[int]:
    return [1000 + ord(c) for c in text]


@pytest.mark.parametrize(
    ("order", "after_prefix"),
    [
        pytest.param("psm", "m", id="prefix first: the middle's beginning"),
        pytest.param("spm", "s", id="suffix first: what follows anyway"),
    ],
)
def test_what_the_suffix_marker_is_asked_for(order: Order, after_prefix: str) -> None:
    ids, targets, weights = lesson(*fit(layout(Example(CUT, order)), encoded, 60))
    marker = ids.index(SPECIALS.index(FIM_SUFFIX))
    middle = ids.index(SPECIALS.index(FIM_MIDDLE))
    assert targets[marker] == 1000 + ord(after_prefix)
    assert targets[middle] == 1000 + ord("m")
    assert weights[middle] == (FIRST_WEIGHT if order == "psm" else MIDDLE_WEIGHT)
    assert targets[-1] == SPECIALS.index(END)


def test_examples_of_a_row_are_numbered_apart() -> None:
    row = Row([], [], [], [])
    row.add([1, 2], [2, 3], [1.0, 1.0])
    row.add([4], [5], [1.0])
    assert (row.ids, row.targets, row.parts) == ([1, 2, 4], [2, 3, 5], [0, 0, 1])

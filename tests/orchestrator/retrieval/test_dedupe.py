"""Repetitions are found by content, wherever the boundaries fall."""

import pytest

from orchestrator.retrieval.chunks import ChunkSize, chunks_of
from orchestrator.retrieval.dedupe import distinct
from orchestrator.retrieval.document import read

LINES = [f"line {n} says {chr(97 + n) * (n + 3)}" for n in range(20)]


def kept(*texts: str) -> list[int]:
    return distinct(texts, range(len(texts)))


def test_white_space_and_indentation_make_no_difference() -> None:
    assert kept("a  b\n\nc d", "    a b\n    c d\n") == [0]


def test_a_shifted_copy_is_a_copy() -> None:
    assert kept("\n".join(LINES), "\n".join(LINES[7:]), "\n".join(LINES[:7])) == [0]


def test_the_same_beginning_is_not_enough() -> None:
    assert kept("\n".join(LINES[:10]), "\n".join(LINES[:5] + LINES[15:])) == [0, 1]


def test_one_changed_line_of_many_is_nearly_the_same() -> None:
    changed = "\n".join([*LINES[:19], "another end"])
    assert kept("\n".join(LINES), changed) == [0]


def test_one_changed_line_of_few_is_not() -> None:
    assert kept("def a():\n    return 1", "def b():\n    return 1") == [0, 1]


def test_of_two_alike_the_one_looked_at_first_stays() -> None:
    assert distinct(["a b", "c", "a b"], [2, 1, 0]) == [1, 2]


@pytest.mark.parametrize("period", [700, 850, 1200, 1650, 2300])
def test_five_copies_in_blocks_of_equal_size_are_found_at_any_period(period: int) -> None:
    lines = [f"statement {n} of {period} does {n * 37 % 101}" for n in range(period // 30)]
    text = "\n".join(lines * 5)
    document = read(text)
    chunks = chunks_of(document, ChunkSize())
    texts = [text[chunk.start : chunk.end] for chunk in chunks]
    unique = distinct(texts, range(len(texts)))
    shown = "\n".join(texts[index] for index in unique)
    assert all(line in shown for line in lines)
    assert len(unique) <= -(-period // 850) + 1 < len(texts)

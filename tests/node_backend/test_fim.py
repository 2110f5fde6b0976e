"""Fill-in-the-middle prompts: the order of their parts, and markers that are only text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_backend.core.fim import (
    FAMILIES,
    File,
    FimParts,
    FimTokens,
    assemble,
    inert,
    split_at,
)

MARKS = FimTokens("test", prefix=-1, suffix=-2, middle=-3, repository=-4, separator=-5)
PLAIN = FimTokens("test", prefix=-1, suffix=-2, middle=-3)


@pytest.mark.parametrize(
    ("marks", "parts", "tokens"),
    [
        (MARKS, FimParts(), [-1, -2, -3]),
        (MARKS, FimParts(prefix=(1, 2), suffix=(3,)), [-1, 1, 2, -2, 3, -3]),
        (MARKS, FimParts(start=(9,), prefix=(1,)), [9, -1, 1, -2, -3]),
        (MARKS, FimParts(prefix=(1,), continuation=(7, 8)), [-1, 1, -2, -3, 7, 8]),
        (
            MARKS,
            FimParts(
                start=(9,),
                repository=(20,),
                files=(File((30,)), File((31,))),
                path=(40,),
                prefix=(1,),
                suffix=(2,),
            ),
            [9, -4, 20, -5, 30, -5, 31, -5, 40, -1, 1, -2, 2, -3],
        ),
        # without files, the file's own path stays away too: the plain form is what was trained
        (MARKS, FimParts(repository=(20,), path=(40,), prefix=(1,)), [-1, 1, -2, -3]),
        (PLAIN, FimParts(files=(File((30,)),), prefix=(1,)), [-1, 1, -2, -3]),
    ],
)
def test_parts_stand_in_the_order_of_the_family(
    marks: FimTokens, parts: FimParts, tokens: list[int]
) -> None:
    assert assemble(marks, parts) == tokens


@pytest.mark.parametrize(
    ("tokens", "parts"),
    [
        ([], [()]),
        ([0], [(), ()]),
        ([1, 0, 2, 3], [(1,), (2, 3)]),
        ([0, 0, 1], [(), (), (1,)]),
    ],
)
def test_tokens_are_split_at_a_boundary(tokens: list[int], parts: list[tuple[int, ...]]) -> None:
    assert split_at(tokens, boundary=0) == parts


MARKERS = ["<|fim_suffix|>", "<|fim_prefix|>"]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", []),
        ("x = 1", ["x = 1"]),
        ("<|fim_suffix|>", ["<", "|fim_suffix|>"]),
        ("a<|fim_prefix|>b<|fim_suffix|>", ["a<", "|fim_prefix|>b<", "|fim_suffix|>"]),
        ("<|fim_", ["<|fim_"]),
    ],
)
def test_a_marker_in_text_is_cut_apart(text: str, pieces: list[str]) -> None:
    assert inert(text, MARKERS) == pieces


@given(st.lists(st.sampled_from(["<|fim_", "suffix|>", "<|fim_suffix|>", "x", "<", "é"])))
def test_cutting_loses_nothing_and_leaves_no_marker(chunks: list[str]) -> None:
    text = "".join(chunks)
    pieces = inert(text, MARKERS)
    assert "".join(pieces) == text
    assert not any(marker in piece for piece in pieces for marker in MARKERS)


def test_families_have_distinct_names_and_markers() -> None:
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
    for family in FAMILIES:
        assert len(set(family.required)) == len(family.required)

"""Fill-in-the-middle prompts: the order of their parts, and markers that are only text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_backend.core.fim import (
    File,
    FimParts,
    FimTokens,
    Layout,
    assemble,
    inert,
    split_at,
)

MARKS = FimTokens("test", prefix=-1, suffix=-2, middle=-3, repository=-4, separator=-5)
PLAIN = FimTokens("test", prefix=-1, suffix=-2, middle=-3)
ALL = FimParts(
    start=(9,),
    repository=(20,),
    files=(File((30,)), File((31,))),
    path=(40,),
    prefix=(1,),
    suffix=(2,),
    continuation=(7,),
)
BARE = FimParts(start=(9,), prefix=(1,), suffix=(2,), continuation=(7,))


def marked(layout: Layout, **marks: int | None) -> FimTokens:
    numbers: dict[str, int | None] = {"prefix": -1, "suffix": -2, "middle": -3, **marks}
    return FimTokens("test", layout=layout, **numbers)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("marks", "parts", "tokens"),
    [
        (marked(Layout("psm")), BARE, [9, -1, 1, -2, 2, -3, 7]),
        (marked(Layout("spm")), BARE, [9, -2, 2, -1, 1, -3, 7]),
        (marked(Layout("spm"), middle=None), BARE, [9, -2, 2, -1, 1, 7]),
        (marked(Layout("joined-spm")), BARE, [9, -1, -2, 2, -3, 1, 7]),
        # files before all of it, each after its separator; or between separators only
        (
            marked(Layout(), repository=-4, separator=-5),
            ALL,
            [9, -4, 20, -5, 30, -5, 31, -5, 40, -1, 1, -2, 2, -3, 7],
        ),
        (
            marked(Layout(separator_first=False), separator=-5),
            ALL,
            [9, 30, -5, 31, -5, 40, -1, 1, -2, 2, -3, 7],
        ),
        # the path with the prefix, or the other files too
        (
            marked(Layout(path_in_prefix=True), repository=-4, separator=-5),
            ALL,
            [9, -4, 20, -5, 30, -5, 31, -5, -1, 40, 1, -2, 2, -3, 7],
        ),
        (
            marked(Layout("spm", files_in_prefix=True, path_in_prefix=True), middle=None),
            ALL,
            [9, -2, 2, -1, 30, 31, 40, 1, 7],
        ),
        # with the suffix first, the other files still come before everything
        (
            marked(Layout("joined-spm", path_in_prefix=True), separator=-5),
            ALL,
            [9, -5, 30, -5, 31, -5, -1, -2, 2, -3, 40, 1, 7],
        ),
    ],
)
def test_every_layout_has_its_order(marks: FimTokens, parts: FimParts, tokens: list[int]) -> None:
    assert assemble(marks, parts) == tokens


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
    ],
)
def test_parts_stand_in_the_order_of_the_family(
    marks: FimTokens, parts: FimParts, tokens: list[int]
) -> None:
    assert assemble(marks, parts) == tokens


def test_with_the_suffix_first_a_short_move_leaves_most_of_the_prompt_as_it_was() -> None:
    marks = marked(Layout("spm", far_prefix_ahead=True))
    text = tuple(range(1000, 2000))

    def at(cursor: int) -> list[int]:
        return assemble(marks, FimParts(prefix=text[:cursor], suffix=text[cursor : cursor + 100]))

    for cursor in (500, 560, 480, 640):
        one, other = at(500), at(cursor)
        shared = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
        assert cursor == 500 or shared >= 384
    assert [token for token in at(500) if token >= 1000] == [
        *text[:384],
        *text[500:600],
        *text[384:500],
    ]


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

"""What is cut when a prompt is longer than the context, and that cuts move in steps."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from node_backend.core.fim import File, FimParts, FimTokens, assemble
from node_backend.core.window import (
    Room,
    cap_end,
    cap_start,
    cut_start,
    fit_fim,
    keep_end,
    room,
    step_of,
)

STEP = step_of(200)
MARKS = FimTokens("test", prefix=-1, suffix=-2, middle=-3, repository=-4, separator=-5)
MARKERS = 3


def run(begin: int, count: int) -> tuple[int, ...]:
    return tuple(range(begin, begin + count))


def fitted(limit: int, **parts: object) -> FimParts:
    fitting = fit_fim(MARKS, FimParts(**parts), limit)  # type: ignore[arg-type]
    assert fitting is not None
    assert len(assemble(MARKS, fitting)) <= limit
    return fitting


@pytest.mark.parametrize(
    ("context", "max_tokens", "expected"),
    [
        (2048, 128, Room(prompt_tokens=1920, max_tokens=128)),
        (2048, 8192, Room(prompt_tokens=1024, max_tokens=1024)),
        (2, 1, Room(prompt_tokens=1, max_tokens=1)),
    ],
)
def test_what_is_generated_gets_at_most_half(context: int, max_tokens: int, expected: Room) -> None:
    assert room(context, max_tokens) == expected


def test_a_prompt_that_fits_stays_whole() -> None:
    parts = {"prefix": run(100, 50), "suffix": run(300, 40)}
    assert fitted(90 + MARKERS, **parts) == FimParts(**parts)  # type: ignore[arg-type]


def test_the_prefix_keeps_its_end_and_the_suffix_its_beginning() -> None:
    prefix, suffix = run(1000, 500), run(5000, 500)
    fitting = fitted(200, prefix=prefix, suffix=suffix)
    assert fitting.prefix == prefix[-len(fitting.prefix) :]
    assert fitting.suffix == suffix[: len(fitting.suffix)]
    assert len(fitting.prefix) >= 130
    assert len(fitting.suffix) == 200 // 4 // STEP * STEP, "a quarter, in whole steps"


def test_a_short_suffix_leaves_its_room_to_the_prefix_and_the_other_way_round() -> None:
    assert len(fitted(200, prefix=run(0, 500), suffix=run(0, 5)).prefix) >= 180
    assert len(fitted(200, prefix=run(0, 5), suffix=run(0, 500)).suffix) >= 200 - MARKERS - 5 - STEP


def test_a_prefix_that_grows_keeps_the_suffix_as_it_is() -> None:
    suffix = run(5000, 500)
    lengths = {len(fitted(200, prefix=run(0, 500 + n), suffix=suffix).suffix) for n in range(STEP)}
    assert len(lengths) <= 2, "it changes at most once within a step"


def test_the_first_file_that_does_not_fit_is_cut_and_the_rest_left_out() -> None:
    files = tuple(File(run(100 * n, 40)) for n in range(1, 6))
    fitting = fitted(200, prefix=run(1000, 50), files=files, path=(7,), repository=(8,))
    assert fitting.files[:3] == files[:3]
    [cut] = fitting.files[3:]
    assert cut.tokens == files[3].tokens[: len(cut.tokens)]
    assert fitting.prefix == run(1000, 50)


def test_typing_moves_the_end_of_a_cut_file_only_once_in_a_while() -> None:
    file = File(run(5000, 1000))
    lengths = [
        len(fitted(800, prefix=run(0, 100 + typed), files=(file,)).files[0].tokens)
        for typed in range(100)
    ]
    assert len(set(lengths)) <= 4
    assert min(lengths) > 500


def test_files_never_take_the_prefix_half() -> None:
    files = tuple(File(run(100 * n, 10)) for n in range(50))
    fitting = fitted(200, prefix=run(1000, 500), files=files)
    assert len(fitting.prefix) >= 80
    assert fitting.files


def test_a_continuation_is_never_cut() -> None:
    continuation = run(9000, 50)
    assert fitted(100, prefix=run(0, 500), continuation=continuation).continuation == continuation
    assert fit_fim(MARKS, FimParts(continuation=continuation), limit=50) is None


def test_typing_moves_the_beginning_of_a_long_prefix_only_once_in_a_while() -> None:
    beginnings = [
        fitted(400, prefix=run(0, 1000 + typed), suffix=run(5000, 200)).prefix[0]
        for typed in range(200)
    ]
    assert len(set(beginnings)) <= 200 // (400 // 16) + 2


@given(st.integers(0, 5000), st.integers(1, 2000), st.integers(1, 200))
def test_a_cut_keeps_as_much_as_whole_steps_allow(length: int, limit: int, step: int) -> None:
    start = cut_start(length, limit, step)
    assert length - start <= limit
    assert length - start >= min(length, limit - step + 1)
    assert start % step == 0 or start == length


def test_nothing_is_kept_where_there_is_no_room() -> None:
    assert keep_end(run(0, 10), limit=0, step=3) == ()


def test_text_is_capped_before_it_is_tokenised() -> None:
    text = "a" * 50_000 + "b" * 50_000
    assert set(cap_end(text, 1000)) == {"b"}
    assert set(cap_start(text, 1000)) == {"a"}
    assert 7000 <= len(cap_end(text, 1000)) <= 8000
    assert cap_end("short", 1000) == cap_start("short", 1000) == "short"


TOKENS = st.integers(0, 60).map(lambda count: run(0, count))


@example(prefix=(), suffix=(), files=(File(()),), limit=MARKERS)  # its markers alone don't fit
@given(
    prefix=TOKENS,
    suffix=TOKENS,
    files=st.lists(TOKENS.map(File), max_size=4).map(tuple),
    limit=st.integers(0, 150),
)
def test_whatever_comes_fits_or_is_refused(
    prefix: tuple[int, ...], suffix: tuple[int, ...], files: tuple[File, ...], limit: int
) -> None:
    parts = FimParts(prefix=prefix, suffix=suffix, files=files, repository=(1,), path=(2,))
    fitting = fit_fim(MARKS, parts, limit)
    assert (fitting is None) == (limit < MARKERS)
    if fitting is not None:
        assert len(assemble(MARKS, fitting)) <= limit
        for kept, file in zip(fitting.files, files, strict=False):
            assert kept.tokens == file.tokens[: len(kept.tokens)]

"""Prompts that keep their beginnings, so that an engine keeps its cache."""

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cerebrum_lsp.core.budget import LEAST_PARTS, PARTS, ROOMY_PROMPTS, Fit, ReadingRate
from cerebrum_lsp.core.layout import PATIENT_REQUESTS, Excerpt, Layout, unread_chars

LIMIT = 400
LINES = st.lists(
    st.sampled_from(["", "a", "x = 1", "    return", "y" * 60, "z" * 500]), max_size=60
)
A, B = Excerpt("a.py", "alpha\n"), Excerpt("b.py", "beta()")
TEXTS = LINES.map("\n".join)


@given(st.lists(TEXTS, min_size=1, max_size=6))
def test_a_window_is_the_end_of_the_text_and_as_long_as_it_may_be(texts: list[str]) -> None:
    layout = Layout(LIMIT, 100)
    for text in texts:
        before, _ = layout.window(text, "")
        assert text.endswith(before)
        assert len(before) <= LIMIT
        assert len(before) >= min(len(text), layout.least_prefix_chars) or "z" * 500 in text


@given(TEXTS)
def test_what_follows_is_the_beginning_of_the_rest_without_what_was_closed_by_itself(
    rest: str,
) -> None:
    _, after = Layout(LIMIT, 100).window("", f'")]\n{rest}')
    assert ("\n" + rest).startswith(after)
    assert len(after) <= 100


def test_typing_moves_the_window_once_in_a_block() -> None:
    layout = Layout(LIMIT, 100)
    text, begins = "", []
    for number in range(300):
        text += f"line {number}\n"
        begins.append(text.find(layout.window(text, "")[0]))
    moves = sum(one != other for one, other in itertools.pairwise(begins))
    assert moves <= len(text) / (LIMIT / 4 - 12)
    assert moves < len(begins) / 8


def test_who_comes_back_from_elsewhere_gets_the_window_that_was_there() -> None:
    layout = Layout(LIMIT, 100)
    text = "\n".join(f"line {number}" for number in range(400))
    places = range(900, 3300, 600)
    before = [layout.window(text[:at], "")[0] for at in places]
    edited = f"import os\n{text}"
    again = [layout.window(edited[: at + 15], "")[0] for at in places]
    assert again == [window + text[at : at + 5] for window, at in zip(before, places, strict=True)]


def test_an_edit_above_the_window_leaves_it_where_it_is() -> None:
    layout = Layout(LIMIT, 100)
    text = "\n".join(f"line {number}" for number in range(200))
    before, _ = layout.window(text, "")
    assert layout.window("import os\n\n" + text + " = 1", "")[0] == before + " = 1"


def test_a_window_follows_somebody_who_goes_far_up() -> None:
    layout = Layout(LIMIT, 100)
    text = "\n".join(f"line {number}" for number in range(200))
    layout.window(text, "")
    above = text[:700]
    assert layout.least_prefix_chars <= len(layout.window(above, "")[0]) <= LIMIT


def test_what_is_sent_is_cut_at_line_ends() -> None:
    prefix = "\n".join(f"line {number}" for number in range(100))
    before, after = Layout(LIMIT, 18).window(prefix, "\nsecond\nthird\nfourth")
    assert prefix[: -len(before)].endswith("\n")
    assert after == "\nsecond\nthird\n"


def excerpts(*texts: str) -> list[Excerpt]:
    return [Excerpt(f"{text.split()[0]}.py", "\n".join(text.split())) for text in texts]


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        pytest.param(["a1 a2", "b1"], ["a1 a2", "b1 b2"], id="nothing new is wanted"),
        pytest.param(["b1 b2", "a1 a2"], ["a1 a2", "b1 b2"], id="another order"),
        pytest.param(["a1 a2", "c1"], ["a1 a2", "b1 b2"], id="less than half is new"),
        pytest.param(["c1", "a1 a2"], ["a1 a2", "c1"], id="the best is new: what serves stays"),
        pytest.param(["c1", "d1"], ["c1", "d1"], id="nothing serves any more"),
        pytest.param(["a1 a2 a3 a4 a5 a6"], ["a1 a2", "a3 a4 a5 a6"], id="more of a file"),
        pytest.param([], ["a1 a2", "b1 b2"], id="nobody knew"),
    ],
)
def test_excerpts_keep_their_places(wanted: list[str], kept: list[str]) -> None:
    layout = Layout(LIMIT, 100)
    layout.keep(excerpts("a1 a2", "b1 b2"), 100)
    named = [Excerpt(f"{each.path[0]}", each.text) for each in layout.excerpts]
    layout.excerpts = tuple(named)
    wanted_now = [Excerpt(each.path[0], each.text) for each in excerpts(*wanted)]
    found = layout.keep(wanted_now, 100)
    assert [each.text.split() for each in found] == [text.split() for text in kept]


EXCERPTS = st.lists(
    st.builds(Excerpt, st.sampled_from("ab"), st.text("xy\n", max_size=20)), max_size=5
)


@given(st.lists(st.tuples(EXCERPTS, st.integers(0, 60)), max_size=6))
def test_excerpts_fit_their_budget_and_tell_no_line_of_a_file_twice(
    steps: list[tuple[Sequence[Excerpt], int]],
) -> None:
    layout = Layout(LIMIT, 100)
    for wanted, budget_chars in steps:
        after = layout.keep(wanted, budget_chars)
        assert sum(len(each.text) for each in after) <= budget_chars
        for one, other in itertools.combinations(after, 2):
            assert one.path != other.path or not one.lines & other.lines


def test_excerpts_that_tell_too_little_stay_for_a_while_where_idle_time_may_change_them() -> None:
    layout = Layout(LIMIT, 100)
    old, new = (Excerpt("a.py", "def a(): ..."),), (Excerpt("b.py", "def b(): ..."),)
    assert layout.keep(old, 100, is_patient=True) == old, "the first request has nothing to lose"
    foreseen = layout.copy()
    assert foreseen.keep(new, 100) == new
    for _ in range(PATIENT_REQUESTS):
        assert layout.keep(new, 100, is_patient=True) == old
    assert layout.keep(new, 100, is_patient=True) == new
    assert layout.keep((), 5, is_patient=True) == (), "they no longer fit"


@pytest.mark.parametrize(
    ("held", "chars"),
    [
        pytest.param(None, 12 + 8 + 4, id="nothing was read"),
        pytest.param(((A, B), "prefix x", "rest"), 0, id="the same"),
        pytest.param(((A, B), "prefix", "rest"), 2, id="the prefix grew"),
        pytest.param(((A, B), "prefix x, and more", "rest"), 0, id="the prefix shrank"),
        pytest.param(((A, B), "prefix x", "tail"), 8 + 4, id="another suffix"),
        pytest.param(((A,), "prefix x", "rest"), 6 + 8 + 4, id="an excerpt more"),
        pytest.param(((A, B, A), "prefix x", "rest"), 8 + 4, id="an excerpt less"),
        pytest.param(((B, A), "prefix x", "rest"), 12 + 8 + 4, id="another first excerpt"),
    ],
)
def test_how_much_an_engine_would_read_anew(
    held: tuple[Sequence[Excerpt], str, str] | None, chars: int
) -> None:
    assert unread_chars(held, ((A, B), "prefix x", "rest")) == chars


@pytest.mark.parametrize(
    ("tokens", "elapsed_ms", "chars"),
    [
        pytest.param(1000, 1000.0, 3000, id="fast"),
        pytest.param(1000, 6000.0, 1500, id="half"),
        pytest.param(100, 2000.0, 600, id="slow"),
        pytest.param(100, 10_000.0, 0, id="too slow"),
        pytest.param(10, 10_000.0, 600, id="too few tokens to tell"),
    ],
)
def test_a_slow_pool_is_given_less_to_read(tokens: int, elapsed_ms: float, chars: int) -> None:
    rate = ReadingRate()
    rate.on_prefill(tokens, elapsed_ms)
    assert rate.affordable_chars(3000) == chars


ROOM = 1_000
WANTED_CHARS = 6_000


def prompts(fit: Fit, chars_per_token: float, count: int) -> list[int]:
    """Return how long a node makes prompts of a text, each as long as is thought to fit."""
    lengths = []
    for _ in range(count):
        chars = WANTED_CHARS * fit.of(WANTED_CHARS, ROOM)
        lengths.append(min(ROOM, int(chars / chars_per_token)))
        fit.on_prompt(lengths[-1], 1.0, ROOM)
    return lengths


@pytest.mark.parametrize("chars_per_token", [1.75, 2.0, 3.0, 4.0, 6.0])
def test_prompts_come_to_fit_the_node_and_stay_as_they_are(chars_per_token: float) -> None:
    fit = Fit()
    prompts(fit, chars_per_token, PARTS * ROOMY_PROMPTS)
    settled = prompts(fit, chars_per_token, 4 * ROOMY_PROMPTS)
    assert len(set(settled)) == 1, "each change has the engine read all anew"
    assert settled[0] <= ROOM - ROOM // PARTS
    assert settled[0] >= 0.6 * ROOM or fit.of(WANTED_CHARS, ROOM) == 1.0


def test_a_prompt_is_not_cut_for_a_node_that_has_said_nothing() -> None:
    fit = Fit()
    assert fit.of(WANTED_CHARS, None) == 1.0
    fit.on_prompt(10_000, 1.0, None)
    assert fit.of(WANTED_CHARS, 100_000) == 1.0
    for _ in range(100):
        fit.on_prompt(100_000, 1.0, 100_000)
    assert fit.of(WANTED_CHARS, 100_000) == LEAST_PARTS / PARTS


def test_a_window_of_another_size_keeps_what_it_can() -> None:
    layout = Layout(LIMIT, 100)
    text = "\n".join(f"line {number}" for number in range(200))
    before, _ = layout.window(text, "")
    layout.keep([A, B], 100)
    smaller = layout.resized(len(before) + 10, 50)
    assert smaller.window(text, "")[0] == before
    assert smaller.keep([A], len(A.text)) == (A,)
    assert len(layout.resized(len(before) - 10, 50).window(text, "")[0]) < len(before)

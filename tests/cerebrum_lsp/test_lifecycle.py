"""The life of completions while somebody types, on a clock that is not real."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cerebrum_lsp.core.document import Snapshot
from cerebrum_lsp.core.lifecycle import ABANDONED_AFTER_S, AWAITED_AGAIN_S
from tests.cerebrum_lsp.simulation import DEADLINE_S, Simulation, Writer

LINE = "compute(first, second)"
BLOCK = "compute(first,\n        second,\n        third)"
CODE = "def add(first, second):\n    return "


def writes(text: str, code: str = CODE) -> Writer:
    """A model that goes on with `text` after `code`, and agrees with whoever types along."""

    def write(place: Snapshot) -> str:
        whole = code + text
        return whole[len(place.prefix) :] if whole.startswith(place.prefix) else "something_else()"

    return write


def editor(text: str = LINE, **changes: object) -> Simulation:
    """An editor that has just asked at the end of CODE."""
    fields: dict[str, object] = {"writes": writes(text), "before": CODE, **changes}
    simulation = Simulation(**fields)  # type: ignore[arg-type]
    simulation.ask()
    return simulation


@pytest.mark.parametrize("cancels", [True, False])
def test_typing_along_with_the_stream_needs_one_generation(cancels: bool) -> None:
    simulation = editor(cancels=cancels, tokens_per_s=5)
    simulation.wait(1)
    simulation.type(LINE[:6])
    simulation.wait(3)
    assert simulation.shown == LINE[6:]
    assert simulation.started == 1
    assert simulation.answers[len(simulation.asked)].outcome in {"shown", "cached"}


def test_diverging_stops_the_stream_at_once_and_asks_anew() -> None:
    simulation = editor(tokens_per_s=5)
    simulation.wait(1)
    assert simulation.live
    simulation.type("x")
    assert not simulation.live
    simulation.wait(3)
    assert simulation.shown == "something_else()"
    assert simulation.started == 2


@pytest.mark.parametrize("cancels", [True, False])
def test_an_edit_that_asks_for_nothing_still_ends_what_it_made_useless(cancels: bool) -> None:
    simulation = editor(tokens_per_s=5, cancels=cancels)
    simulation.wait(1)
    simulation.type("x", asks=False)
    assert not simulation.live
    assert simulation.outcomes() == ["cancelled" if cancels else "superseded"]


def test_backspace_is_answered_from_what_is_known() -> None:
    simulation = editor()
    simulation.wait(3)
    simulation.type(LINE[:4])
    simulation.delete(2)
    assert simulation.shown == LINE[2:]
    simulation.delete(2)
    simulation.delete(1)
    assert simulation.shown == " " + LINE, "before the place of the generation"
    assert simulation.started == 1


@pytest.mark.parametrize(
    ("length", "left"), [(7, LINE[7:]), (1, LINE[1:])], ids=["a word", "a character"]
)
def test_accepting_a_part_offers_the_rest_without_the_pool(length: int, left: str) -> None:
    simulation = editor()
    simulation.wait(3)
    simulation.accept(length)
    assert simulation.shown == left
    assert simulation.started == 1


def test_accepting_all_asks_for_what_comes_next() -> None:
    simulation = editor()
    simulation.wait(3)
    simulation.accept()
    simulation.wait(2)
    assert simulation.started == 2


def test_a_place_that_one_comes_back_to_is_answered_from_the_cache() -> None:
    simulation = editor()
    simulation.wait(3)
    simulation.jump(3)
    simulation.wait(3)
    simulation.jump(len(CODE))
    assert simulation.shown == LINE
    assert simulation.outcomes()[-1] == "cached"
    assert simulation.started == 2


def test_a_jump_elsewhere_stops_what_was_going_on() -> None:
    simulation = editor(tokens_per_s=2)
    simulation.wait(1)
    simulation.jump(3)
    assert [run.is_live for run in simulation.upstream.values()] == [False]


def test_undo_and_redo_are_answered_from_the_cache() -> None:
    simulation = editor()
    simulation.wait(3)
    simulation.type("x")
    simulation.delete()
    assert simulation.shown == LINE
    assert simulation.outcomes()[-1] == "cached"


def test_fast_typing_asks_the_pool_once() -> None:
    simulation = editor(writes=lambda _: LINE)
    simulation.type("value_of_something", interval_s=0.08)
    simulation.wait(3)
    assert simulation.started <= 2


def test_a_late_result_is_kept_for_the_next_request() -> None:
    simulation = editor(first_token_s=DEADLINE_S + 1, cancels=False)
    simulation.wait(DEADLINE_S + 0.5)
    assert simulation.outcomes() == ["deadline"]
    simulation.wait(5)
    simulation.ask()
    assert simulation.shown == LINE
    assert simulation.started == 1


def test_at_the_deadline_the_best_text_is_shown_and_the_rest_follows() -> None:
    simulation = editor("a" * 300, tokens_per_s=5)
    simulation.wait(DEADLINE_S)
    assert simulation.answers[1].outcome == "deadline"
    assert simulation.answers[1].text == "a" * len(simulation.answers[1].text or "")
    assert simulation.live, "it goes on for whoever asks next"


def menu(**settings: Any) -> Simulation:
    """Return an editor without inline completion, whose cursor was put into the code."""
    return Simulation(lambda _: LINE, before=CODE, cancels=False, **settings)


def test_a_menu_is_answered_in_time_and_finds_the_text_when_it_asks_again() -> None:
    simulation = menu()
    simulation.ask(within_s=0.1)
    simulation.wait(0.1)
    assert simulation.answers[1].text is None, "nothing was even begun"
    simulation.wait(5)
    simulation.ask(within_s=0.1)
    assert simulation.shown == LINE
    assert simulation.outcomes() == ["deadline", "cached"]
    assert simulation.started == 1


def test_a_menu_is_not_shown_half_a_line() -> None:
    simulation = menu(tokens_per_s=2)
    for _ in range(10):
        simulation.ask(within_s=0.3)
        simulation.wait(0.3)
    assert {answer.text for answer in simulation.answers.values()} == {None}
    simulation.wait(10)
    simulation.ask(within_s=0.3)
    assert simulation.shown == LINE


def test_what_a_menu_asked_for_stops_when_it_is_typed_past_or_not_asked_for_again() -> None:
    simulation = menu(tokens_per_s=0.1)
    simulation.ask(within_s=0.1)
    simulation.wait(2)
    assert simulation.live
    simulation.type("!", asks=False)
    assert not simulation.live
    simulation.ask(within_s=0.1)
    simulation.wait(2)
    assert simulation.live
    simulation.wait(AWAITED_AGAIN_S)
    assert not simulation.live


def test_a_request_that_was_withdrawn_frees_its_node_after_a_while() -> None:
    simulation = editor("a" * 300)
    simulation.wait(1)
    simulation.cancel()
    simulation.wait(ABANDONED_AFTER_S / 2)
    assert simulation.live
    simulation.wait(ABANDONED_AFTER_S)
    assert not simulation.live


def test_a_closed_document_frees_its_node_at_once() -> None:
    simulation = editor("a" * 300)
    simulation.wait(1)
    simulation.close()
    assert not simulation.live
    assert simulation.outcomes() == ["superseded"]


def test_a_manual_request_does_not_wait_for_another_key() -> None:
    simulation = Simulation(writes=writes(LINE), before=CODE)
    simulation.ask(manual=True)
    assert simulation.live


def test_a_growing_client_sees_the_first_line_as_soon_as_it_stands() -> None:
    simulation = editor(BLOCK, grows=True, tokens_per_s=5)
    simulation.wait(2)
    first_line = simulation.shown
    assert first_line is not None
    assert first_line.startswith("compute(first,")
    assert simulation.live, "and the rest is still to come"
    simulation.wait(10)
    assert simulation.grown[-1].text == BLOCK
    assert [growth.is_done for growth in simulation.grown].count(True) == 1
    simulation.ask()
    assert simulation.shown == BLOCK


def test_the_end_of_the_block_ends_the_stream() -> None:
    simulation = editor(LINE + "\n\n\ndef another():\n    pass\n" * 20, tokens_per_s=5)
    simulation.wait(DEADLINE_S)
    assert simulation.shown == LINE
    assert not simulation.live


def test_what_the_editor_closes_by_itself_does_not_count_as_diverging() -> None:
    simulation = editor(tokens_per_s=5)
    simulation.wait(1)
    simulation.type("compute")
    simulation.change(simulation.before + "(", ")" + simulation.after)
    simulation.wait(5)
    assert simulation.started == 1
    assert simulation.shown == "first, second"


class Typing(RuleBasedStateMachine):
    """Any sequence of keys, pauses and jumps: what the simulation checks holds at every step."""

    def __init__(self) -> None:
        super().__init__()
        self.simulation = Simulation(writes=writes(BLOCK), before=CODE)
        self.is_closed = False

    @rule(cancels=st.booleans(), grows=st.booleans(), rate=st.sampled_from([1.0, 10.0, 100.0]))
    @precondition(lambda self: not self.simulation.asked)
    def begin(self, cancels: bool, grows: bool, rate: float) -> None:
        self.simulation = Simulation(
            writes=writes(BLOCK), before=CODE, cancels=cancels, grows=grows, tokens_per_s=rate
        )
        self.simulation.ask()

    @rule(count=st.integers(1, 6), interval_s=st.floats(0.02, 0.5))
    def type_along(self, count: int, interval_s: float) -> None:
        whole = CODE + BLOCK
        typed = len(self.simulation.before)
        if whole.startswith(self.simulation.before):
            self.simulation.type(whole[typed : typed + count], interval_s=interval_s)

    @rule(key=st.sampled_from("x(\n"), asks=st.booleans())
    def type_something_else(self, key: str, asks: bool) -> None:
        self.simulation.type(key, asks=asks)

    @rule(count=st.integers(1, 4))
    def delete(self, count: int) -> None:
        self.simulation.delete(count)

    @rule(length=st.none() | st.integers(1, 9))
    def accept(self, length: int | None) -> None:
        self.simulation.accept(length)

    @rule(offset=st.integers(0, 200))
    def jump(self, offset: int) -> None:
        self.simulation.jump(offset)

    @rule()
    def dismiss(self) -> None:
        self.simulation.cancel()

    @rule(seconds=st.floats(0, 12))
    def wait(self, seconds: float) -> None:
        self.simulation.wait(seconds)

    @rule(manual=st.booleans(), within_s=st.sampled_from([None, 0.0, 0.3]))
    def ask_again(self, manual: bool, within_s: float | None) -> None:
        self.simulation.ask(manual=manual, within_s=within_s)

    @rule()
    def close(self) -> None:
        self.simulation.close()
        assert not self.simulation.live

    @invariant()
    def somebody_is_served_or_nobody_waits(self) -> None:
        machine = self.simulation.machine
        if machine.waiting is not None:
            assert machine.next_at() is not None

    def teardown(self) -> None:
        self.simulation.check_all_answered()


TestTyping = Typing.TestCase
TestTyping.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


@given(typed=st.lists(st.sampled_from(["along", "other", "back"]), max_size=30))
@settings(max_examples=60, deadline=None)
def test_upstream_is_asked_less_often_than_the_editor_asks(typed: list[str]) -> None:
    simulation = editor(cancels=True)
    for step in typed:
        whole = CODE + LINE
        if step == "along" and whole.startswith(simulation.before):
            simulation.type(whole[len(simulation.before) :][:1] or "x", interval_s=0.1)
        elif step == "back":
            simulation.delete()
        else:
            simulation.type("y", interval_s=0.1)
    assert simulation.started <= len(simulation.asked)

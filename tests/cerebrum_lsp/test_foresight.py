"""When a prompt is read ahead: by examples on a clock, and by random events."""

from dataclasses import dataclass, field

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from cerebrum_lsp.core.foresight import (
    IN_USE_S,
    LEFT_ALONE_S,
    LONGEST_PAUSE_S,
    REST_S,
    WORTH_CHARS,
    Decision,
    Ending,
    Foresight,
    Leave,
    Look,
    Read,
    Seen,
)

MUCH, LITTLE = WORTH_CHARS, WORTH_CHARS - 1


def seen(line: int = 0, *, is_imminent: bool = False) -> Seen:
    return Seen("file:///a.py", 1, line, 0, lambda: None, is_imminent)


@dataclass
class Scene:
    """A machine on a clock; words for what it decides: `look`, `renew`, `read`, `leave`."""

    now: float = 100.0
    machine: Foresight = field(default_factory=Foresight)

    def __post_init__(self) -> None:
        self.machine.edited(self.now)

    def words(self, decisions: list[Decision]) -> str:
        said = []
        for each in decisions:
            match each:
                case Look(renews=renews):
                    said.append("renew" if renews else "look")
                case Read():
                    said.append("read")
                case Leave():
                    said.append("leave")
        return " ".join(said)

    def sees(self, where: Seen) -> str:
        return self.words(self.machine.seen(where, self.now))

    def finds(self, unread_chars: int, takes_s: float = 0.0) -> str:
        return self.words(self.machine.found(unread_chars, takes_s, self.now))

    def ends(self, ending: Ending) -> str:
        return self.words(self.machine.ended(ending, self.now))

    def works(self, change: int) -> str:
        return self.words(self.machine.work(change))

    def later(self, seconds: float) -> str:
        self.now += seconds
        return self.words(self.machine.tick(self.now))

    def looking(self) -> "Scene":
        assert self.sees(seen()) == ""
        assert self.later(REST_S) == "look"
        return self

    def reading(self) -> "Scene":
        assert self.looking().finds(MUCH) == "read"
        return self


def test_a_cursor_that_rests_has_its_prompt_read_then_what_it_would_rather_have() -> None:
    scene = Scene().reading()
    assert scene.ends("read") == "renew"
    assert scene.finds(MUCH) == "read"
    assert scene.ends("read") == ""
    assert scene.machine.next_at() is None


def test_a_cursor_that_moves_on_is_followed() -> None:
    scene = Scene()
    assert scene.sees(seen(1)) == ""
    assert scene.later(REST_S / 2) == ""
    assert scene.sees(seen(2)) == ""
    assert scene.later(REST_S / 2) == ""
    assert scene.later(REST_S / 2) == "look"
    assert scene.finds(MUCH) == "read"
    assert scene.sees(seen(3)) == "leave"


def test_what_is_known_already_is_not_read() -> None:
    scene = Scene().looking()
    assert scene.finds(LITTLE) == "renew"
    assert scene.finds(LITTLE) == ""
    assert scene.sees(seen()) == "", "the same place again"
    assert scene.later(60) == ""


def test_a_place_that_is_about_to_be_asked_for_is_read_at_once_and_as_it_is() -> None:
    scene = Scene()
    assert scene.sees(seen(is_imminent=True)) == "look"
    assert scene.finds(MUCH) == "read"
    assert scene.ends("read") == ""


def test_a_generation_ends_it_and_keeps_it_away() -> None:
    scene = Scene().reading()
    assert scene.works(1) == "leave"
    assert scene.ends("cut") == ""
    assert scene.sees(seen(5)) == ""
    assert scene.later(60) == ""
    assert scene.works(-1) == ""
    assert scene.sees(seen(5)) == ""
    assert scene.later(REST_S) == "look"


@pytest.mark.parametrize(("takes_s", "waits_s"), [(0.1, 0.15), (4.0, 4.0), (60, LONGEST_PAUSE_S)])
def test_other_excerpts_wait_for_a_pause_as_long_as_their_reading(
    takes_s: float, waits_s: float
) -> None:
    scene = Scene()
    began_at = scene.now
    scene.looking()
    assert scene.finds(LITTLE) == "renew"
    assert scene.finds(MUCH, takes_s) == ("read" if takes_s < REST_S else "")
    if takes_s >= REST_S:
        assert scene.machine.next_at() == began_at + waits_s
        assert scene.later(waits_s) == "read"


def test_a_pool_that_refuses_is_left_alone_for_longer_each_time() -> None:
    scene = Scene()
    for line, wait_s in enumerate([2.0, 4.0, 8.0, 16.0, 32.0, *[60.0] * 1100]):
        scene.machine.edited(scene.now)
        assert scene.sees(seen(line)) in ("", "leave")
        scene.later(max(0.0, (scene.machine.next_at() or 0.0) - scene.now))
        assert scene.finds(MUCH) == "read"
        assert scene.ends("refused") == ""
        assert not scene.machine.has_worked
        assert scene.sees(seen(line + 100)) == ""
        assert scene.machine.next_at() == scene.now + wait_s
        scene.machine.forget()
    assert LEFT_ALONE_S == (2.0, 60.0)


def test_nothing_is_read_for_who_only_reads() -> None:
    scene = Scene()
    scene.later(IN_USE_S + 1)
    assert scene.sees(seen()) == ""
    assert scene.later(60) == ""


def test_a_document_that_is_closed_is_not_read() -> None:
    scene = Scene().reading()
    assert scene.words(scene.machine.forget("file:///b.py")) == ""
    assert scene.words(scene.machine.forget("file:///a.py")) == "leave"


class ForesightMachine(RuleBasedStateMachine):
    """At most one thing is done at a time, and never beside a generation of our own."""

    def __init__(self) -> None:
        super().__init__()
        self.scene = Scene()
        self.doing = ""
        self.working = 0

    def note(self, words: str) -> None:
        for word in words.split():
            if word == "leave":
                assert self.doing, "nothing was going on"
                self.doing = ""
            else:
                assert not self.working
                assert word != "read" or self.doing in ("look", "renew")
                self.doing = word

    @rule(line=st.integers(0, 2), is_imminent=st.booleans())
    def see(self, line: int, is_imminent: bool) -> None:
        self.note(self.scene.sees(seen(line, is_imminent=is_imminent)))

    @rule()
    def edit(self) -> None:
        self.scene.machine.edited(self.scene.now)

    @precondition(lambda self: self.scene.machine.step == "looking")
    @rule(chars=st.sampled_from([0, LITTLE, MUCH]), takes_s=st.sampled_from([0.0, 1.0, 100.0]))
    def find(self, chars: int, takes_s: float) -> None:
        was, self.doing = self.doing, ""
        words = self.scene.finds(chars, takes_s)
        if words == "read" or not words:
            self.doing = was
        self.note(words)
        if not words and self.scene.machine.next_at() is None:
            self.doing = ""

    @precondition(lambda self: self.doing == "read")
    @rule(ending=st.sampled_from(["read", "cut", "refused"]))
    def end(self, ending: Ending) -> None:
        self.doing = ""
        self.note(self.scene.ends(ending))

    @rule(seconds=st.sampled_from([0.05, 0.2, 3.0, 70.0]))
    def wait(self, seconds: float) -> None:
        self.note(self.scene.later(seconds))

    @rule()
    def begin_work(self) -> None:
        words = self.scene.works(1)
        self.note(words)
        self.working += 1
        assert not self.doing

    @precondition(lambda self: self.working)
    @rule()
    def end_work(self) -> None:
        self.working -= 1
        self.note(self.scene.works(-1))

    @invariant()
    def what_is_due_is_never_in_the_past(self) -> None:
        at = self.scene.machine.next_at()
        assert at is None or at > self.scene.now


TestForesightMachine = ForesightMachine.TestCase

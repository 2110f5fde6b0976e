"""Which model is in memory: by examples, through one helper that plays the node around it."""

from dataclasses import dataclass, field

import pytest

from node_backend.core.residency import Residency
from node_backend.core.residency_events import Action, Grant, Load, Moment, Refused, Unload
from node_backend.core.residency_events import Wanted as WantedOf
from node_backend.core.resident import Limits

Wanted = WantedOf[str]
LIMITS = Limits(slots=2, queue=8, longest_wait_s=10.0, idle_unload_s=3600.0)
PLENTY = 1000


@dataclass
class Scene:
    """A residency, a clock, and what has been decided so far: `+a`, `-a`, `3` for a grant."""

    limits: Limits = LIMITS
    free_bytes: int = PLENTY
    now: float = 0.0
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.residency: Residency[str] = Residency(self.limits)

    def moment(self) -> Moment:
        return Moment(self.now, self.free_bytes)

    def note(self, actions: list[Action[str]]) -> str:
        words = []
        for action in actions:
            match action:
                case Grant(ticket, _):
                    words.append(str(ticket))
                case Load(model):
                    words.append(f"+{model}")
                case Unload(model):
                    words.append(f"-{model}")
        self.said += words
        return " ".join(words)

    def ask(self, ticket: int, model: str, needs_bytes: int = 0, *, pinned: bool = False) -> str:
        wanted = Wanted(model, needs_bytes, is_pinned=pinned)
        match self.residency.ask(ticket, wanted, None, self.moment()):
            case Refused(reason):
                return reason
            case actions:
                return self.note(actions)

    def leave(self, ticket: int) -> str:
        return self.note(self.residency.leave(ticket, self.moment()))

    def loaded(self, model: str, after_s: float = 0.0) -> str:
        self.now += after_s
        return self.note(self.residency.loaded(model, self.moment()))

    def failed(self, model: str) -> str:
        return self.note(self.residency.load_failed(model, self.moment()))

    def unloaded(self, model: str) -> str:
        return self.note(self.residency.unloaded(model, self.moment()))

    def later(self, seconds: float) -> str:
        self.now += seconds
        return self.note(self.residency.tick(self.moment()))

    def clean_up(self) -> str:
        return self.note(self.residency.clean_up(self.moment()))

    def with_a(self) -> "Scene":
        """Return the scene with model a loaded and used by ticket 1."""
        assert self.ask(1, "a") == "+a 1"
        assert self.loaded("a") == ""
        return self


def test_the_first_request_has_its_model_loaded_and_a_slot_of_it() -> None:
    scene = Scene()
    assert scene.ask(1, "a") == "+a 1"
    assert scene.ask(2, "a") == "2"
    assert scene.ask(3, "a") == ""
    assert (scene.residency.active, scene.residency.queued) == (2, 1)
    assert scene.residency.ahead_of(3) == 0


def test_a_slot_that_becomes_free_goes_to_who_waits_longest() -> None:
    scene = Scene().with_a()
    assert [scene.ask(ticket, "a") for ticket in (2, 3, 4)] == ["2", "", ""]
    assert scene.leave(1) == "3"
    assert scene.leave(2) == "4"


def test_who_gives_up_waiting_is_passed_over() -> None:
    scene = Scene().with_a()
    assert [scene.ask(ticket, "a") for ticket in (2, 3, 4)] == ["2", "", ""]
    assert scene.leave(3) == ""
    assert scene.leave(1) == "4"


def test_when_slots_and_queue_are_full_the_next_is_refused() -> None:
    scene = Scene(Limits(slots=1, queue=1)).with_a()
    assert scene.ask(2, "a") == ""
    assert scene.residency.is_full
    assert scene.ask(3, "a") == "busy"
    assert scene.ask(3, "b") == "busy"
    assert scene.leave(1) == "2"
    assert scene.ask(3, "a") == ""


def test_without_a_queue_an_idle_slot_is_still_given() -> None:
    scene = Scene(Limits(slots=2, queue=0))
    assert scene.ask(1, "a") == "+a 1"
    assert scene.ask(2, "a") == "2"
    assert scene.ask(3, "a") == "busy"


def test_a_ticket_can_ask_only_once() -> None:
    scene = Scene(Limits(slots=1, queue=2)).with_a()
    scene.ask(2, "a")
    for ticket in (1, 2):
        with pytest.raises(ValueError, match="already here"):
            scene.ask(ticket, "a")


def test_an_idle_model_makes_room_and_is_gone_before_the_next_is_loaded() -> None:
    scene = Scene().with_a()
    scene.leave(1)
    assert scene.ask(2, "b") == "-a"
    assert scene.unloaded("a") == "+b 2"


def test_a_model_in_use_is_waited_for() -> None:
    scene = Scene().with_a()
    assert scene.ask(2, "b") == ""
    assert scene.leave(1) == "-a"
    assert scene.unloaded("a") == "+b 2"


def test_a_model_that_is_loading_is_waited_for() -> None:
    scene = Scene()
    assert scene.ask(1, "a") == "+a 1"
    assert scene.leave(1) == ""
    assert scene.ask(2, "b") == ""
    assert scene.loaded("a") == "-a"
    assert scene.unloaded("a") == "+b 2"


def test_a_model_stays_for_as_long_as_it_took_to_load() -> None:
    scene = Scene()
    scene.ask(1, "a")
    scene.loaded("a", after_s=4.0)
    scene.leave(1)
    assert scene.ask(2, "b") == ""
    assert scene.residency.next_tick(scene.now) == 8.0
    assert scene.later(3.9) == ""
    assert scene.later(0.2) == "-a"


def test_a_model_that_can_not_be_loaded_goes_at_once() -> None:
    scene = Scene()
    scene.ask(1, "a")
    scene.now = 100.0
    assert scene.failed("a") == ""
    assert scene.ask(2, "b") == ""
    assert scene.leave(1) == "-a"


def test_a_failed_model_that_works_after_all_is_one_like_any_other() -> None:
    scene = Scene()
    scene.ask(1, "a")
    scene.failed("a")
    scene.loaded("a")
    scene.leave(1)
    assert scene.ask(2, "a") == "2"


def test_who_comes_for_the_loaded_model_passes_who_waits_for_another() -> None:
    scene = Scene().with_a()
    assert scene.ask(2, "b") == ""
    assert scene.ask(3, "a") == "3"


def test_after_a_long_wait_the_loaded_model_takes_no_more_and_then_goes() -> None:
    scene = Scene().with_a()
    scene.ask(2, "b")
    assert scene.later(10.0) == ""
    assert scene.ask(3, "a") == ""
    assert scene.leave(1) == "-a"
    assert scene.unloaded("a") == "+b 2"
    assert scene.loaded("b") == ""
    assert scene.ask(4, "b") == "4"
    assert scene.leave(2) == ""
    assert scene.leave(4) == "-b"
    assert scene.unloaded("b") == "+a 3"


def test_a_closed_model_is_open_again_when_nobody_waits_for_another_any_more() -> None:
    scene = Scene().with_a()
    scene.ask(2, "b")
    scene.later(10.0)
    assert scene.ask(3, "a") == ""
    assert scene.leave(2) == "3"


def test_nothing_due_means_no_alarm() -> None:
    assert Scene().residency.next_tick(0.0) == float("inf")
    scene = Scene().with_a()
    assert scene.residency.next_tick(0.0) == float("inf")
    scene.leave(1)
    assert scene.residency.next_tick(0.0) == 3600.0


def test_a_model_that_nobody_uses_for_an_hour_is_unloaded() -> None:
    scene = Scene().with_a()
    assert scene.later(4000.0) == ""
    scene.leave(1)
    assert scene.later(3599.0) == ""
    assert scene.later(1.0) == "-a"
    assert scene.unloaded("a") == ""
    assert scene.ask(2, "a") == "+a 2"


def test_who_asks_while_the_model_is_unloaded_has_it_loaded_again() -> None:
    scene = Scene().with_a()
    scene.leave(1)
    assert scene.clean_up() == "-a"
    assert scene.ask(2, "a") == ""
    assert scene.unloaded("a") == "+a 2"


@pytest.mark.parametrize("state", ["loading", "active"])
def test_cleaning_up_leaves_what_is_loaded_or_used(state: str) -> None:
    scene = Scene()
    scene.ask(1, "a")
    if state == "loading":
        scene.leave(1)
    else:
        scene.loaded("a")
    assert scene.clean_up() == ""


def test_a_pinned_model_stays() -> None:
    scene = Scene()
    assert scene.note(scene.residency.preload(Wanted("a", is_pinned=True), scene.moment())) == "+a"
    scene.loaded("a")
    assert scene.clean_up() == ""
    assert scene.later(100_000.0) == ""
    assert scene.ask(1, "b") == "pinned"
    assert scene.ask(2, "a", pinned=True) == "2"


def test_preloading_is_for_those_that_have_room() -> None:
    scene = Scene()
    moment = scene.moment()
    assert scene.note(scene.residency.preload(Wanted("a"), moment)) == "+a"
    assert scene.note(scene.residency.preload(Wanted("a"), moment)) == ""
    assert scene.note(scene.residency.preload(Wanted("b"), moment)) == ""


TWO = Limits(slots=1, queue=8, models=2, longest_wait_s=10.0)


def test_models_that_fit_together_are_loaded_together() -> None:
    scene = Scene(TWO, free_bytes=100)
    assert scene.ask(1, "a", 60) == "+a 1"
    assert scene.ask(2, "b", 40) == "+b 2"
    scene.loaded("a")
    scene.loaded("b")
    assert scene.residency.models == ("a", "b")


def test_what_is_loading_has_not_taken_its_memory_yet() -> None:
    scene = Scene(TWO, free_bytes=100)
    assert scene.ask(1, "a", 60) == "+a 1"
    assert scene.ask(2, "b", 50) == ""
    scene.free_bytes = 40
    assert scene.loaded("a") == ""
    assert scene.leave(1) == "-a"
    scene.free_bytes = 100
    assert scene.unloaded("a") == "+b 2"


def test_the_one_that_was_used_longest_ago_makes_room() -> None:
    scene = Scene(TWO)
    for ticket, model in enumerate("ab"):
        scene.ask(ticket, model)
        scene.loaded(model)
    for ticket in (0, 1):
        scene.leave(ticket)
        scene.later(1.0)
    assert scene.ask(2, "c") == "-a"


def test_a_model_that_is_alone_is_tried_whatever_the_figures_say() -> None:
    """Its engine refuses it, with the figures and with what would fit."""
    scene = Scene(free_bytes=10)
    assert scene.ask(1, "a", 11) == "+a 1"


def test_beside_pinned_models_one_that_does_not_fit_is_tried_too() -> None:
    """Nobody could ever make room: better an answer with figures than a wait for ever."""
    scene = Scene(TWO, free_bytes=10)
    scene.ask(1, "a", 5, pinned=True)
    scene.loaded("a")
    assert scene.ask(2, "b", 11) == "+b 2"

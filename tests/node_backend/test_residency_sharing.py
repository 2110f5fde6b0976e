"""Several models that want the same memory: grouped, bounded, nobody lost."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from node_backend.core.residency import Residency
from node_backend.core.residency_events import (
    Action,
    Grant,
    Load,
    Moment,
    Refused,
    Unload,
    Yield,
)
from node_backend.core.residency_events import Wanted as WantedOf
from node_backend.core.resident import Limits
from tests.node_backend.residency_world import UNLOAD_S, Arrival, World

Wanted = WantedOf[str]
LIMITS = Limits(slots=2, queue=1000, longest_wait_s=10.0)


def test_alternating_requests_are_grouped_by_model() -> None:
    """A hundred seconds of a, b, a, b, … as fast as two slots can compute them."""
    arrivals = [Arrival(at_s=n * 0.5, model="ab"[n % 2]) for n in range(200)]
    world = World(LIMITS, load_s=2.0).play(arrivals)
    assert len(world.waits_s) == 200
    assert len(world.loads) <= 200 / 10
    assert max(world.waits_s.values()) <= 40  # twice as much is asked for as can be computed


def test_a_single_request_for_another_model_does_not_wait_for_ever() -> None:
    """Beside more requests for the loaded model than it can compute."""
    flood = [Arrival(at_s=n * 0.25, model="a") for n in range(400)]
    arrivals = [*flood, Arrival(at_s=20.0, model="b")]
    world = World(LIMITS, load_s=2.0).play(arrivals)
    drained_s, computed_s = UNLOAD_S, 1.0
    assert world.waits_s[400] <= LIMITS.longest_wait_s + computed_s + drained_s
    assert len(world.waits_s) == 401


def test_one_client_that_alternates_does_not_spend_more_time_loading_than_not() -> None:
    """Each request comes two seconds after the one before; to load takes longer than that."""
    arrivals = [Arrival(at_s=n * 2.0, model="ab"[n % 2], compute_s=0.1) for n in range(60)]
    world = World(LIMITS, load_s=5.0).play(arrivals)
    assert len(world.waits_s) == 60
    assert len(world.loads) * (5.0 + UNLOAD_S) <= world.now / 2 + 2 * 5.0


ARRIVALS = st.lists(
    st.builds(
        Arrival,
        at_s=st.floats(0, 60),
        model=st.sampled_from("abc"),
        compute_s=st.floats(0.01, 5),
        patience_s=st.none() | st.floats(0, 20),
    ),
    min_size=1,
    max_size=40,
)


@given(ARRIVALS, st.integers(1, 3), st.floats(0, 20), st.floats(0, 20))
def test_everybody_is_served_or_has_given_up_or_was_refused(
    arrivals: list[Arrival], models: int, load_s: float, longest_wait_s: float
) -> None:
    limits = Limits(slots=2, queue=10, models=models, longest_wait_s=longest_wait_s)
    world = World(limits, load_s).play(sorted(arrivals, key=lambda each: each.at_s))
    ends = [*world.waits_s, *world.gave_up, *world.refused]
    assert sorted(ends) == list(range(len(arrivals)))
    assert (world.residency.active, world.residency.queued) == (0, 0)


@given(ARRIVALS, st.floats(0, 20), st.floats(0, 20))
def test_no_wait_is_longer_than_what_is_promised(
    arrivals: list[Arrival], load_s: float, longest_wait_s: float
) -> None:
    """With slots for all of a model: each other model in turn may be served before."""
    limits = Limits(slots=40, queue=40, longest_wait_s=longest_wait_s)
    world = World(limits, load_s).play(sorted(arrivals, key=lambda each: each.at_s))
    longest_s = max(each.compute_s for each in arrivals)
    a_turn_s = max(longest_wait_s, load_s) + load_s + longest_s + UNLOAD_S
    assert all(wait <= 3 * a_turn_s + 0.001 for wait in world.waits_s.values())


MODELS = st.sampled_from("abcd")
FREE_BYTES = 100
NEEDS = {"a": 30, "b": 40, "c": 60, "d": 100}
PINNED = {"a"}


class ResidencyMachine(RuleBasedStateMachine):
    """Random events; what must never happen is checked against a plain account of them."""

    def __init__(self) -> None:
        super().__init__()
        self.residency: Residency[str] = Residency(
            Limits(slots=2, queue=6, models=2, longest_wait_s=5.0, idle_unload_s=60.0)
        )
        self.now = 0.0
        self.next_ticket = 0
        self.state: dict[str, str] = {}
        self.computing: dict[int, tuple[str, int]] = {}
        self.waiting: dict[int, str] = {}
        self.spare: dict[int, tuple[str, int]] = {}
        self.yielding: set[int] = set()
        self.keys: dict[int, str | None] = {}
        self.asked_at: dict[int, float] = {}

    def moment(self) -> Moment:
        taken = sum(NEEDS[model] for model, state in self.state.items() if state != "loading")
        return Moment(self.now, FREE_BYTES - taken)

    def carry_out(self, actions: list[Action[str]]) -> None:
        for action in actions:
            match action:
                case Grant(ticket, slot):
                    model = self.waiting.pop(ticket)
                    earlier = [other for other in self.waiting if other < ticket]
                    made_way_for = {self.keys[each] for each in self.spare}
                    assert model not in {
                        self.waiting[other]
                        for other in earlier
                        if self.keys[other] not in made_way_for
                    }
                    assert self.state[model] in ("loading", "ready", "failed")
                    assert (model, slot) not in self.computing.values()
                    assert (model, slot) not in self.spare.values()
                    self.computing[ticket] = (model, slot)
                case Load(model):
                    assert model not in self.state
                    assert len(self.state) < 2
                    promised = sum(NEEDS[each] for each in self.state)
                    is_alone = set(self.state) <= PINNED
                    assert is_alone or promised + NEEDS[model] <= FREE_BYTES
                    self.state[model] = "loading"
                case Unload(model):
                    assert self.state[model] in ("ready", "failed")
                    assert model not in PINNED
                    used = {used for used, _ in [*self.computing.values(), *self.spare.values()]}
                    assert model not in used
                    self.state[model] = "unloading"
                case Yield(ticket):
                    assert ticket in self.spare
                    self.yielding.add(ticket)

    @rule(model=MODELS, key=st.sampled_from([None, "x", "y"]))
    def ask(self, model: str, key: str | None) -> None:
        ticket, self.next_ticket = self.next_ticket, self.next_ticket + 1
        wanted = Wanted(model, NEEDS[model], is_pinned=model in PINNED)
        waiting = len(self.waiting)
        self.waiting[ticket], self.keys[ticket] = model, key
        match self.residency.ask(ticket, wanted, key, self.moment()):
            case Refused(reason):
                del self.waiting[ticket]
                assert reason == "busy"
                assert waiting >= 6
            case actions:
                self.carry_out(actions)

    @rule(model=MODELS, key=st.sampled_from([None, "x", "y"]))
    def ask_spare(self, model: str, key: str | None) -> None:
        ticket, self.next_ticket = self.next_ticket, self.next_ticket + 1
        is_idle = not self.computing and not self.waiting and self.state.get(model) == "ready"
        held = {slot for used, slot in self.spare.values() if used == model}
        self.keys[ticket] = key
        match self.residency.ask_spare(ticket, model, key):
            case Refused():
                assert not is_idle or len(held) == 2
            case Grant(_, slot):
                assert is_idle
                assert slot not in held
                self.spare[ticket] = (model, slot)

    @precondition(lambda self: self.spare)
    @rule(choice=st.data())
    def end_spare(self, choice: st.DataObject) -> None:
        ticket = choice.draw(st.sampled_from(sorted(self.spare)))
        del self.spare[ticket]
        self.yielding.discard(ticket)
        self.carry_out(self.residency.leave(ticket, self.moment()))

    @precondition(lambda self: self.computing or self.waiting)
    @rule(choice=st.data())
    def finish_or_cancel(self, choice: st.DataObject) -> None:
        ticket = choice.draw(st.sampled_from(sorted([*self.computing, *self.waiting])))
        self.computing.pop(ticket, None)
        self.waiting.pop(ticket, None)
        self.carry_out(self.residency.leave(ticket, self.moment()))

    @precondition(lambda self: self.state)
    @rule(choice=st.data())
    def crash(self, choice: st.DataObject) -> None:
        """All that a model computes ends at once; its engine comes back by itself."""
        model = choice.draw(st.sampled_from(sorted(self.state)))
        for ticket, (used, _) in list(self.computing.items()):
            if used == model:
                del self.computing[ticket]
                self.carry_out(self.residency.leave(ticket, self.moment()))

    def in_state(self, *states: str) -> list[str]:
        return sorted(model for model, state in self.state.items() if state in states)

    @precondition(lambda self: self.in_state("loading", "failed"))
    @rule(choice=st.data())
    def loaded(self, choice: st.DataObject) -> None:
        model = choice.draw(st.sampled_from(self.in_state("loading", "failed")))
        self.state[model] = "ready"
        self.carry_out(self.residency.loaded(model, self.moment()))

    @precondition(lambda self: self.in_state("loading"))
    @rule(choice=st.data())
    def load_failed(self, choice: st.DataObject) -> None:
        model = choice.draw(st.sampled_from(self.in_state("loading")))
        self.state[model] = "failed"
        self.carry_out(self.residency.load_failed(model, self.moment()))

    @precondition(lambda self: self.in_state("unloading"))
    @rule(choice=st.data())
    def unloaded(self, choice: st.DataObject) -> None:
        model = choice.draw(st.sampled_from(self.in_state("unloading")))
        del self.state[model]
        self.carry_out(self.residency.unloaded(model, self.moment()))

    @rule(seconds=st.sampled_from([0.1, 3.0, 6.0, 61.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.carry_out(self.residency.tick(self.moment()))

    @rule()
    def clean_up(self) -> None:
        self.carry_out(self.residency.clean_up(self.moment()))
        used = {model for model, _ in [*self.computing.values(), *self.spare.values()]}
        assert set(self.in_state("ready", "failed")) <= PINNED | used

    @rule(model=MODELS)
    def preload(self, model: str) -> None:
        wanted = Wanted(model, NEEDS[model], is_pinned=model in PINNED)
        self.carry_out(self.residency.preload(wanted, self.moment()))

    @invariant()
    def the_accounts_agree(self) -> None:
        assert self.residency.active == len(self.computing)
        assert self.residency.queued == len(self.waiting)
        assert set(self.residency.models) == set(self.state)

    @invariant()
    def who_could_be_served_at_once_does_not_wait(self) -> None:
        """Unless somebody has waited for another model for so long that theirs is closed."""
        if any(self.state.get(model) in (None, "unloading") for model in self.waiting.values()):
            return
        for model in self.waiting.values():
            holders = [*self.computing.values(), *self.spare.values()]
            slots = {slot for used, slot in holders if used == model}
            is_made_way_for = any(used == model for used, _ in self.spare.values())
            assert slots == {0, 1} or is_made_way_for

    @invariant()
    def beyond_the_queue_only_those_wait_whose_slot_is_about_to_be_free(self) -> None:
        assert len(self.waiting) <= 6 + 2 * 2

    @invariant()
    def what_is_spare_makes_way_for_everybody(self) -> None:
        if self.waiting or self.computing:
            assert self.yielding == set(self.spare)

    def teardown(self) -> None:
        """However it stands: once all that runs has ended, all who wait are served."""
        for _ in range(200):
            self.now += 100.0
            for ticket in [*self.computing, *self.spare]:
                self.computing.pop(ticket, None)
                self.spare.pop(ticket, None)
                self.carry_out(self.residency.leave(ticket, self.moment()))
            for model in self.in_state("loading"):
                self.state[model] = "ready"
                self.carry_out(self.residency.loaded(model, self.moment()))
            for model in self.in_state("unloading"):
                del self.state[model]
                self.carry_out(self.residency.unloaded(model, self.moment()))
            self.carry_out(self.residency.tick(self.moment()))
        assert not self.waiting


TestResidencyMachine = ResidencyMachine.TestCase

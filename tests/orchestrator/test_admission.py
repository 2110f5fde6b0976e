"""Admission: the table, and a state machine that tries what no table thought of."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from orchestrator.core.admission import (
    Admission,
    AdmissionLimits,
    Admit,
    Arrival,
    Queue,
    Shed,
    Turn,
)

FOREVER = 1e9
ONE_EACH = AdmissionLimits(max_concurrent=1, max_queued=2, retry_after_s=2.0, margin=0.0)
Lane = tuple[str, str] | None


def arrival(
    request_id: str,
    lane: Lane = None,
    deadline_at: float = FOREVER,
    priority: int = 5,
    service_s: float | None = None,
) -> Arrival:
    return Arrival(request_id, deadline_at, lane, priority, service_s)


def background(request_id: str) -> Arrival:
    return Arrival(request_id, FOREVER, is_background=True)


def check(
    *events: tuple[Arrival | str, Admit | Queue | Shed | Turn],
    limits: AdmissionLimits = ONE_EACH,
    now: float = 100.0,
) -> Admission:
    """Let `events` happen one after the other: an Arrival arrives, a name leaves."""
    admission = Admission(limits)
    for happens, expected in events:
        if isinstance(happens, Arrival):
            assert admission.arrive(happens, now) == expected
        else:
            assert admission.leave(happens, now) == expected
    return admission


def test_first_runs_the_next_wait_and_the_last_is_refused() -> None:
    check(
        (arrival("a"), Admit()),
        (arrival("b"), Queue(ahead=0)),
        (arrival("c"), Queue(ahead=1)),
        (arrival("d"), Shed("queue-full", 2.0)),
    )


def test_end_of_one_is_the_turn_of_the_first_that_waits() -> None:
    check(
        (arrival("a"), Admit()),
        (arrival("b"), Queue(0)),
        (arrival("c"), Queue(1)),
        ("a", Turn(admitted=("b",))),
        (arrival("d"), Queue(1)),
        ("b", Turn(admitted=("c",))),
        ("c", Turn(admitted=("d",))),
        ("d", Turn()),
        (arrival("e"), Admit()),
    )


def test_one_that_waits_and_gives_up_moves_nobody() -> None:
    admission = check((arrival("a"), Admit()), (arrival("b"), Queue(0)), ("b", Turn()))
    assert (list(admission.running), admission.waiting) == (["a"], [])


def test_unknown_one_that_leaves_changes_nothing() -> None:
    check((arrival("a"), Admit()), ("z", Turn()), (arrival("b"), Queue(0)))


def test_newer_one_of_a_lane_takes_the_place_of_the_older_that_waits() -> None:
    lane = ("client", "document")
    check(
        (arrival("a"), Admit()),
        (arrival("old", lane), Queue(0)),
        (arrival("other"), Queue(1)),
        (arrival("new", lane), Queue(ahead=0, superseded="old")),
        (arrival("newest", lane), Queue(ahead=0, superseded="new")),
        ("a", Turn(admitted=("newest",))),
    )


def test_newer_one_takes_its_place_even_in_a_full_queue() -> None:
    lane = ("client", "document")
    check(
        (arrival("a"), Admit()),
        (arrival("old", lane), Queue(0)),
        (arrival("other"), Queue(1)),
        (arrival("refused"), Shed("queue-full", 2.0)),
        (arrival("new", lane), Queue(0, superseded="old")),
    )


def test_newer_one_of_a_lane_takes_the_place_of_the_older_that_runs() -> None:
    lane = ("client", "document")
    admission = check(
        (arrival("a", lane), Admit()),
        (arrival("other"), Queue(0)),
        (arrival("b", lane), Admit(superseded="a")),
        ("a", Turn()),
        ("b", Turn(admitted=("other",))),
    )
    assert list(admission.running) == ["other"]


def test_more_urgent_ones_go_before_those_that_wait() -> None:
    check(
        (arrival("a"), Admit()),
        (arrival("plain"), Queue(0)),
        (arrival("urgent", priority=9), Queue(0)),
        ("a", Turn(admitted=("urgent",))),
        (arrival("lazy", priority=0), Queue(1)),
        (arrival("plain too"), Queue(1, displaced="lazy")),
        (arrival("lazier", priority=0), Shed("queue-full", 2.0)),
        ("urgent", Turn(admitted=("plain",))),
    )


def test_waiting_makes_up_for_priority() -> None:
    admission = Admission(AdmissionLimits(max_concurrent=1, max_queued=9, ageing_s=2.0))
    admission.arrive(arrival("a"), 0.0)
    admission.arrive(arrival("lazy", priority=0), 0.0)
    admission.arrive(arrival("9.9 s later"), 9.9)
    admission.arrive(arrival("10.1 s later"), 10.1)
    names = [each.request_id for each in admission.waiting]
    assert names == ["9.9 s later", "lazy", "10.1 s later"]


def test_background_work_takes_what_is_spare_and_keeps_nobody_out() -> None:
    limits = AdmissionLimits(max_concurrent=2, max_queued=9, max_concurrent_async=3)
    check(
        (background("b1"), Admit()),
        (background("b2"), Admit()),
        (background("b3"), Admit()),
        (background("b4"), Queue(0)),
        (arrival("i1"), Admit()),
        (arrival("i2"), Admit()),
        (arrival("i3"), Queue(1)),
        ("b1", Turn()),
        ("b2", Turn()),
        ("i1", Turn(admitted=("b4", "i3"))),
        ("b3", Turn()),
        limits=limits,
    )


def test_one_that_could_not_end_by_its_deadline_is_refused_at_once() -> None:
    check(
        (arrival("hopeless", deadline_at=101.0, service_s=2.0), Shed("too-late", 2.0)),
        (arrival("a", deadline_at=110.0, service_s=5.0), Admit()),
        (arrival("behind a", deadline_at=106.0, service_s=2.0), Shed("too-late", 5.0)),
        (arrival("b", deadline_at=107.0, service_s=2.0), Queue(0)),
        (arrival("behind b", deadline_at=108.0, service_s=2.0), Shed("too-late", 7.0)),
        (arrival("nobody knows how long", deadline_at=101.0), Queue(1)),
        (
            arrival("urgent", deadline_at=107.0, priority=9, service_s=2.0),
            Queue(0, displaced="nobody knows how long"),
        ),
    )


def test_prediction_may_be_short_by_its_margin() -> None:
    limits = AdmissionLimits(max_concurrent=1, margin=0.5)
    check(
        (arrival("tight", deadline_at=102.9, service_s=2.0), Shed("too-late", 2.0)),
        (arrival("in time", deadline_at=103.0, service_s=2.0), Admit()),
        limits=limits,
    )


def test_one_that_can_no_longer_end_by_its_deadline_is_not_begun() -> None:
    admission = check(
        (arrival("a", service_s=1.0), Admit()),
        (arrival("b", deadline_at=104.0, service_s=2.0), Queue(0)),
        (arrival("c", deadline_at=109.0, service_s=2.0), Queue(1)),
    )
    assert admission.leave("a", 103.0) == Turn(admitted=("c",), expired=("b",))


def test_one_whose_deadline_has_passed_is_refused_or_skipped() -> None:
    admission = check(
        (arrival("late", deadline_at=100.0), Shed("deadline", 2.0)),
        (arrival("a"), Admit()),
        (arrival("b", deadline_at=101.0), Queue(0)),
        (arrival("c"), Queue(1)),
    )
    assert admission.leave("a", 101.0) == Turn(admitted=("c",), expired=("b",))


def test_word_to_the_editors_changes_at_a_refusal_and_when_the_queue_is_half_empty() -> None:
    admission = Admission(AdmissionLimits(max_concurrent=1, max_queued=4))
    for name in "abcde":
        admission.arrive(arrival(name), 0.0)
    assert admission.accepting
    admission.arrive(arrival("f"), 0.0)
    seen = [admission.accepting]
    for name in "abc":
        admission.leave(name, 0.0)
        seen.append(admission.accepting)
    assert seen == [False, False, True, True]


class AdmissionMachine(RuleBasedStateMachine):
    """Whatever happens: nobody is lost, nobody runs twice, the bounds hold, order is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.limits = AdmissionLimits(max_concurrent=2, max_queued=3, margin=0.0)
        self.admission = Admission(self.limits)
        self.now = 0.0
        self.running: dict[str, Arrival] = {}
        self.waiting: dict[str, Arrival] = {}
        self.born = 0

    @rule(
        lane=st.sampled_from([None, ("c", "1"), ("c", "2")]),
        lives_s=st.integers(0, 20),
        priority=st.integers(0, 10),
        service_s=st.none() | st.integers(1, 15),
        is_background=st.booleans(),
    )
    def arrive(
        self,
        lane: Lane,
        lives_s: int,
        priority: int,
        service_s: int | None,
        is_background: bool,
    ) -> None:
        self.born += 1
        name, deadline_at = f"r{self.born}", self.now + lives_s
        newcomer = Arrival(name, deadline_at, lane, priority, service_s, is_background)
        match self.admission.arrive(newcomer, self.now):
            case Admit(superseded):
                if superseded is not None:
                    self.supersede(superseded, newcomer)
                self.running[name] = newcomer
            case Queue(ahead, superseded, displaced):
                if superseded is not None:
                    self.supersede(superseded, newcomer)
                if displaced is not None:
                    assert self.waiting.pop(displaced).priority < priority, "for who waits longer"
                self.waiting[name] = newcomer
                assert self.admission.waiting[ahead] is newcomer
            case Shed("deadline", retry_after_s):
                assert lives_s == 0
                assert retry_after_s > 0
            case Shed("too-late", retry_after_s):
                assert service_s is not None
                assert self.running or service_s > lives_s
                assert retry_after_s > 0
            case Shed("queue-full", retry_after_s):
                assert len(self.waiting) == self.limits.max_queued
                assert retry_after_s > 0
            case other:
                raise AssertionError(other)

    def supersede(self, superseded: str, newcomer: Arrival) -> None:
        older = self.waiting.pop(superseded, None) or self.running.pop(superseded)
        assert newcomer.lane is not None
        assert (older.lane, older.is_background) == (newcomer.lane, newcomer.is_background)

    @rule(after_s=st.integers(0, 10))
    def time_passes(self, after_s: int) -> None:
        self.now += after_s

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        request_id = data.draw(st.sampled_from(sorted(self.running)))
        del self.running[request_id]
        self.take_turn(self.admission.leave(request_id, self.now))

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        request_id = data.draw(st.sampled_from(sorted(self.waiting)))
        del self.waiting[request_id]
        self.take_turn(self.admission.leave(request_id, self.now))

    def take_turn(self, turn: Turn) -> None:
        for request_id in turn.expired:
            gone = self.waiting.pop(request_id)
            assert self.now + (gone.service_s or 0) >= gone.deadline_at
        for request_id in turn.admitted:
            one = self.waiting.pop(request_id)
            assert one.deadline_at >= self.now + (one.service_s or 0)
            self.running[request_id] = one

    @invariant()
    def core_and_model_agree(self) -> None:
        waiting = [each.request_id for each in self.admission.waiting]
        assert set(self.admission.running) == set(self.running)
        assert sorted(waiting) == sorted(self.waiting)

    @invariant()
    def bounds_hold(self) -> None:
        interactive = [each for each in self.running.values() if not each.is_background]
        assert len(interactive) <= self.limits.max_concurrent
        assert len(self.running) <= self.limits.max_concurrent + self.limits.max_concurrent_async
        assert len(self.admission.waiting) <= self.limits.max_queued

    @invariant()
    def nobody_waits_who_could_run(self) -> None:
        interactive = [each for each in self.running.values() if not each.is_background]
        for each in self.waiting.values():
            if each.is_background:
                assert len(self.running) >= self.limits.max_concurrent_async
            else:
                assert len(interactive) == self.limits.max_concurrent

    @invariant()
    def those_of_equal_priority_wait_in_order(self) -> None:
        for priority in range(11):
            names = [
                int(each.request_id[1:])
                for each in self.admission.waiting
                if each.priority == priority and each.lane is None
            ]
            assert names == sorted(names)

    @invariant()
    def of_a_lane_there_is_one(self) -> None:
        both = [*self.waiting.values(), *self.running.values()]
        lanes = [(each.lane, each.is_background) for each in both if each.lane]
        assert len(lanes) == len(set(lanes))


AdmissionMachine.TestCase.settings = settings(max_examples=100, deadline=None)
TestAdmission = AdmissionMachine.TestCase

"""The slot pool, by examples and as a state machine against a plain model of it."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from node_backend.core.slots import Grant, Granted, Queued, Refused, SlotPool


def test_the_first_requests_are_granted_the_next_wait_and_the_rest_are_refused() -> None:
    pool = SlotPool(slots=2, queue_limit=2)
    assert [pool.ask(ticket, None) for ticket in range(5)] == [
        Granted(0),
        Granted(1),
        Queued(ahead=0),
        Queued(ahead=1),
        Refused("busy"),
    ]


def test_a_slot_that_becomes_free_goes_to_who_waits_longest() -> None:
    pool = SlotPool(slots=1, queue_limit=2)
    for ticket in range(3):
        pool.ask(ticket, None)
    assert pool.leave(0) == Grant(ticket=1, slot=0)
    assert pool.leave(1) == Grant(ticket=2, slot=0)
    assert pool.leave(2) is None


def test_who_gives_up_waiting_is_passed_over() -> None:
    pool = SlotPool(slots=1, queue_limit=2)
    for ticket in range(3):
        pool.ask(ticket, None)
    assert pool.leave(1) is None
    assert pool.leave(0) == Grant(ticket=2, slot=0)


def test_a_document_keeps_its_slot() -> None:
    pool = SlotPool(slots=3, queue_limit=0)
    for ticket, key in enumerate("abc"):
        pool.ask(ticket, key)
    for ticket in range(3):
        pool.leave(ticket)
    assert [pool.ask(10 + n, key) for n, key in enumerate("cab")] == [
        Granted(2),
        Granted(0),
        Granted(1),
    ]


def test_requests_without_a_key_stay_on_one_slot_and_away_from_the_documents() -> None:
    pool = SlotPool(slots=3, queue_limit=0)
    for ticket, key in enumerate(["a", None, None, "a", None]):
        assert pool.ask(ticket, key) == Granted(0 if key else 1)
        pool.leave(ticket)


def test_a_new_document_takes_a_slot_that_serves_nobody_before_the_longest_idle_one() -> None:
    pool = SlotPool(slots=3, queue_limit=0)
    for ticket, key in enumerate(["a", "b"]):
        pool.ask(ticket, key)
        pool.leave(ticket)
    assert pool.ask(2, "c") == Granted(2)
    assert pool.ask(3, "d") == Granted(0)


def test_without_slots_to_spare_nothing_waits_when_the_queue_has_no_room() -> None:
    pool = SlotPool(slots=1, queue_limit=0)
    pool.ask(0, None)
    assert pool.is_full
    assert pool.ask(1, None) == Refused("busy")


def test_a_ticket_can_ask_only_once() -> None:
    pool = SlotPool(slots=1, queue_limit=1)
    for ticket in (0, 1):
        pool.ask(ticket, None)
        with pytest.raises(ValueError, match="already here"):
            pool.ask(ticket, None)


class SlotPoolMachine(RuleBasedStateMachine):
    """Random asks and leaves; what was decided is kept here in the plainest form."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = SlotPool(slots=3, queue_limit=4)
        self.next_ticket = 0
        self.computing: dict[int, int] = {}
        self.waiting: list[int] = []

    @rule(key=st.sampled_from([None, "a", "b", "c", "d"]))
    def ask(self, key: str | None) -> None:
        ticket, self.next_ticket = self.next_ticket, self.next_ticket + 1
        match self.pool.ask(ticket, key):
            case Granted(slot):
                assert not self.waiting
                self.computing[ticket] = slot
            case Queued(ahead):
                assert len(self.computing) == 3
                assert ahead == len(self.waiting)
                self.waiting.append(ticket)
            case Refused(reason):
                assert reason == "busy"
                assert (len(self.computing), len(self.waiting)) == (3, 4)

    @precondition(lambda self: self.computing)
    @rule(choice=st.data())
    def finish(self, choice: st.DataObject) -> None:
        ticket = choice.draw(st.sampled_from(sorted(self.computing)))
        slot = self.computing.pop(ticket)
        grant = self.pool.leave(ticket)
        if self.waiting:
            assert grant == Grant(self.waiting.pop(0), slot)
            self.computing[grant.ticket] = grant.slot
        else:
            assert grant is None

    @precondition(lambda self: self.waiting)
    @rule(choice=st.data())
    def give_up(self, choice: st.DataObject) -> None:
        ticket = choice.draw(st.sampled_from(self.waiting))
        self.waiting.remove(ticket)
        assert self.pool.leave(ticket) is None

    @rule(ticket=st.integers(min_value=-3, max_value=-1))
    def leave_without_having_come(self, ticket: int) -> None:
        assert self.pool.leave(ticket) is None

    @invariant()
    def a_slot_serves_one_ticket(self) -> None:
        slots = list(self.computing.values())
        assert len(set(slots)) == len(slots)
        assert set(slots) <= {0, 1, 2}

    @invariant()
    def nobody_waits_beside_an_idle_slot(self) -> None:
        assert not self.waiting or len(self.computing) == 3

    @invariant()
    def the_counts_agree(self) -> None:
        assert (self.pool.active, self.pool.queued) == (len(self.computing), len(self.waiting))


TestSlotPoolMachine = SlotPoolMachine.TestCase

"""The slots of one engine: each held by one, and a document finds its own again."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from node_backend.core.slots import Slots


def test_slots_are_given_until_none_is_idle() -> None:
    slots = Slots(2)
    assert [slots.take(ticket, None) for ticket in range(3)] == [0, 1, None]


def test_a_slot_that_was_given_back_is_given_again() -> None:
    slots = Slots(1)
    assert slots.take(0, None) == 0
    assert slots.free(0)
    assert slots.take(1, None) == 0


def test_who_holds_no_slot_can_give_none_back() -> None:
    slots = Slots(1)
    assert not slots.free(0)
    slots.take(0, None)
    assert slots.free(0)
    assert not slots.free(0)


def served(slots: Slots, ticket: int, key: str | None) -> int | None:
    """Take a slot and give it back."""
    slot = slots.take(ticket, key)
    slots.free(ticket)
    return slot


def test_a_document_keeps_its_slot() -> None:
    slots = Slots(3)
    for ticket, key in enumerate("abc"):
        slots.take(ticket, key)
    for ticket in range(3):
        slots.free(ticket)
    assert [slots.take(10 + n, key) for n, key in enumerate("cab")] == [2, 0, 1]


def test_requests_without_a_key_stay_on_one_slot_and_away_from_the_documents() -> None:
    slots = Slots(3)
    keys = ["a", None, None, "a", None]
    assert [served(slots, ticket, key) for ticket, key in enumerate(keys)] == [0, 1, 1, 0, 1]


def test_a_new_document_takes_a_slot_never_used_and_then_the_longest_idle_one() -> None:
    slots = Slots(3)
    assert [served(slots, ticket, key) for ticket, key in enumerate("abcd")] == [0, 1, 2, 0]


class SlotsMachine(RuleBasedStateMachine):
    """Random takes and frees; who holds what is kept here in the plainest form."""

    def __init__(self) -> None:
        super().__init__()
        self.slots = Slots(3)
        self.next_ticket = 0
        self.held: dict[int, int] = {}

    @rule(key=st.sampled_from([None, "a", "b", "c", "d"]))
    def take(self, key: str | None) -> None:
        ticket, self.next_ticket = self.next_ticket, self.next_ticket + 1
        slot = self.slots.take(ticket, key)
        if slot is None:
            assert len(self.held) == 3
        else:
            assert slot in {0, 1, 2} - set(self.held.values())
            self.held[ticket] = slot

    @precondition(lambda self: self.held)
    @rule(choice=st.data())
    def free(self, choice: st.DataObject) -> None:
        ticket = choice.draw(st.sampled_from(sorted(self.held)))
        del self.held[ticket]
        assert self.slots.free(ticket)

    @invariant()
    def the_counts_agree(self) -> None:
        assert self.slots.active == len(self.held)


TestSlotsMachine = SlotsMachine.TestCase

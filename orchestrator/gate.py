"""Carries out what admission decides: holds the waiting, wakes them when it is their turn."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.core.admission import (
    Admission,
    Admit,
    Arrival,
    Queue,
    Shed,
    ShedReason,
    Turn,
)
from orchestrator.errors import LoadShedError

WORDS: dict[ShedReason, str] = {
    "queue-full": "all places are taken and the queue is full",
    "deadline": "the deadline has passed already",
    "too-late": "it could not be complete by its deadline",
    "displaced": "more urgent requests took its place in the queue",
}


@dataclass(frozen=True)
class Ticket:
    """A request's place: `ahead` others were waiting before it; `turn` is done when it may run.

    `superseded` gave up its place to it, running or not, and must be ended by whoever owns it.
    """

    request_id: str
    ahead: int
    turn: "asyncio.Future[None]"
    superseded: str | None = None


class Gate:
    """Lets requests in. `on_change` is called when the pool begins or ceases to refuse."""

    def __init__(
        self,
        admission: Admission,
        on_change: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.admission = admission
        self._on_change = on_change
        self._clock = clock
        self._turns: dict[str, asyncio.Future[None]] = {}

    def arrive(self, arrival: Arrival) -> Ticket:
        """Take a request in; it must `leave`, whatever happens. Raises LoadShedError."""
        was_accepting = self.admission.accepting
        decision = self.admission.arrive(arrival, self._clock())
        self._tell_if_changed(was_accepting)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        ahead = 0
        superseded: str | None = None
        match decision:
            case Shed(reason, retry_after_s):
                raise shed(reason, retry_after_s)
            case Admit(superseded):
                turn.set_result(None)
            case Queue(ahead, superseded, displaced):
                if displaced is not None:
                    self._fail(displaced, "displaced")
        self._turns[arrival.request_id] = turn
        return Ticket(arrival.request_id, ahead, turn, superseded)

    def leave(self, request_id: str) -> None:
        """Take note that a request has ended, or has gone while it waited."""
        was_accepting = self.admission.accepting
        self._carry_out(self.admission.leave(request_id, self._clock()))
        self._turns.pop(request_id, None)
        self._tell_if_changed(was_accepting)

    def _carry_out(self, turn: Turn) -> None:
        for request_id in turn.admitted:
            future = self._turns.get(request_id)
            if future is not None and not future.done():
                future.set_result(None)
        for request_id in turn.expired:
            self._fail(request_id, "too-late")

    def _fail(self, request_id: str, reason: ShedReason) -> None:
        future = self._turns.get(request_id)
        if future is not None and not future.done():
            future.set_exception(shed(reason, self.admission.frees_up_in_s(self._clock())))
            future.exception()  # its owner may have gone already, and then nobody asks

    def _tell_if_changed(self, was_accepting: bool) -> None:
        if self.admission.accepting != was_accepting:
            self._on_change()


def shed(reason: ShedReason, retry_after_s: float) -> LoadShedError:
    """Return a refusal, in words and with when to come back."""
    return LoadShedError(WORDS[reason], retry_after_s=retry_after_s, details={"reason": reason})

"""Who may run, who waits, who is refused. Pure: events and the time come in, decisions come out.

    event    state of the pool                        decision
    arrive   deadline already passed                  Shed("deadline")
    arrive   could not end by its deadline            Shed("too-late")
    arrive   an older one of its lane waits           Queue, in the older one's place (superseded)
    arrive   an older one of its lane runs            Admit, in the older one's place (superseded)
    arrive   room to run, nobody before it            Admit
    arrive   room in the queue                        Queue
    arrive   a full queue, somebody ranks lower       Queue, and that one is displaced
    arrive   a full queue                             Shed("queue-full")
    leave    it was running                           Turn: those whose turn it is are admitted
    leave    it was waiting                           Turn: nobody moves

Who waits is ordered by rank: the time of arrival, less `ageing_s` for each step of priority. So
whoever has waited for `ageing_s` longer stands where one of the next priority does, and since all
age alike, the order of two never changes while they wait.

What waits and can no longer end by its deadline is named in the next Turn as expired, and never
admitted: it would keep a node busy for nobody. Without this, a queue under overload serves only
what is already too late (the collapse that `benchmarks/overload.py` shows of a plain FIFO).
"""

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heapreplace
from typing import Literal

Lane = tuple[str, str]
ShedReason = Literal["queue-full", "deadline", "too-late", "displaced"]


@dataclass(frozen=True)
class AdmissionLimits:
    """How much may go on at once; `retry_after_s` is the least that the refused are told.

    Background requests run while fewer than `max_concurrent_async` run in all, so that they use
    what is spare and never keep others out. `margin` is the share by which a prediction may be
    short: what is begun and comes too late has kept a node busy for nothing.
    """

    max_concurrent: int = 2
    max_queued: int = 8
    retry_after_s: float = 2.0
    max_concurrent_async: int = 4
    ageing_s: float = 2.0
    margin: float = 0.15


@dataclass(frozen=True)
class Arrival:
    """A request that asks to run. Of one lane (client, document) only the newest stays.

    `service_s` is how long it will keep its place, None when nothing measured says so.
    """

    request_id: str
    deadline_at: float
    lane: Lane | None = None
    priority: int = 5
    service_s: float | None = None
    is_background: bool = False


@dataclass(frozen=True)
class Admit:
    """It may run now; `superseded` gave up its place to it."""

    superseded: str | None = None


@dataclass(frozen=True)
class Queue:
    """It waits behind `ahead` others; `superseded` and `displaced` gave up their places."""

    ahead: int
    superseded: str | None = None
    displaced: str | None = None


@dataclass(frozen=True)
class Shed:
    """It is refused."""

    reason: ShedReason
    retry_after_s: float


@dataclass(frozen=True)
class Turn:
    """Whose turn it is now, and who waited in vain."""

    admitted: tuple[str, ...] = ()
    expired: tuple[str, ...] = ()


@dataclass(frozen=True, order=True)
class Place:
    """Somebody's place in the queue."""

    rank: float
    order: int
    arrival: Arrival = field(compare=False)


@dataclass(frozen=True)
class Running:
    """Somebody who runs, and since when."""

    arrival: Arrival
    since: float

    def ends_at(self, now: float) -> float:
        """Return when it will probably have ended; what is overdue ends now."""
        return max(now, self.since + (self.arrival.service_s or 0.0))


@dataclass
class Admission:
    """The running and the waiting."""

    limits: AdmissionLimits = field(default_factory=AdmissionLimits)
    running: dict[str, Running] = field(default_factory=dict)
    places: list[Place] = field(default_factory=list)
    accepting: bool = True
    arrived: int = 0

    @property
    def waiting(self) -> list[Arrival]:
        """Those who wait, in the order of their turns."""
        return [place.arrival for place in self.places]

    def arrive(self, arrival: Arrival, now: float) -> Admit | Queue | Shed:
        """Decide on a newcomer."""
        self.arrived += 1
        if arrival.deadline_at <= now:
            return Shed("deadline", self.limits.retry_after_s)
        if (at := self._waiting_like(arrival)) is not None:
            return self._take_place(at, arrival, now)
        if (older := self._running_like(arrival)) is not None:
            del self.running[older]
            self._run(arrival, now)
            return Admit(superseded=older)
        place = Place(self._rank(arrival, now), self.arrived, arrival)
        if self._ends_at(place, now) > arrival.deadline_at:
            return self._refuse("too-late", now)
        if self._has_room(arrival) and not self._is_anybody_before(place):
            self._run(arrival, now)
            return Admit()
        return self._queue(place, now)

    def leave(self, request_id: str, now: float) -> Turn:
        """Take note that a request has ended or given up; one that is unknown changes nothing."""
        self.running.pop(request_id, None)
        self.places = [each for each in self.places if each.arrival.request_id != request_id]
        turn = self._fill(now)
        # Half empty and not one place: at the edge, the word to all editors would change with
        # every single request.
        if len(self.places) <= self.limits.max_queued // 2:
            self.accepting = True
        return turn

    def frees_up_in_s(self, now: float) -> float:
        """Return when a place to run will probably be free for a newcomer: what a refusal says."""
        if not self.running:
            return self.limits.retry_after_s
        work_s = sum(each.ends_at(now) - now for each in self.running.values())
        work_s += sum(each.arrival.service_s or 0.0 for each in self.places)
        return max(self.limits.retry_after_s, work_s / self.limits.max_concurrent)

    def _queue(self, place: Place, now: float) -> Queue | Shed:
        displaced = None
        if len(self.places) >= self.limits.max_queued:
            if not self.places or self.places[-1] < place:
                return self._refuse("queue-full", now)
            displaced = self.places.pop().arrival.request_id
            self.accepting = False
        insort(self.places, place)
        return Queue(ahead=self.places.index(place), displaced=displaced)

    def _refuse(self, reason: ShedReason, now: float) -> Shed:
        # One that asks for too much says nothing of the pool, as long as others are let in.
        if reason == "queue-full" or self.places:
            self.accepting = False
        return Shed(reason, self.frees_up_in_s(now))

    def _rank(self, arrival: Arrival, now: float) -> float:
        return now - arrival.priority * self.limits.ageing_s

    def _run(self, arrival: Arrival, now: float) -> None:
        self.running[arrival.request_id] = Running(arrival, now)

    def _has_room(self, arrival: Arrival) -> bool:
        return len(self._rivals(arrival)) < self._places_for(arrival)

    def _places_for(self, arrival: Arrival) -> int:
        limits = self.limits
        if arrival.is_background:
            return max(limits.max_concurrent, limits.max_concurrent_async)
        return limits.max_concurrent

    def _rivals(self, arrival: Arrival) -> list[Running]:
        """Return those whose running can keep it from running."""
        running = self.running.values()
        return [each for each in running if arrival.is_background or not each.arrival.is_background]

    def _is_anybody_before(self, place: Place) -> bool:
        """Whether somebody who could run as well waits before it."""
        return any(each < place and self._has_room(each.arrival) for each in self.places)

    def _ends_at(self, place: Place, now: float) -> float:
        """Return when a newcomer will probably end, if those before it run first."""
        if place.arrival.service_s is None:
            return now
        free_at = self._free_at(place.arrival, now)
        for each in self.places:
            if each < place and each.arrival.is_background == place.arrival.is_background:
                heapreplace(free_at, free_at[0] + (each.arrival.service_s or 0.0))
        takes_s = free_at[0] + place.arrival.service_s - now
        return now + takes_s * (1 + self.limits.margin)

    def _free_at(self, arrival: Arrival, now: float) -> list[float]:
        """Return, as a heap, when each place to run is free for it."""
        places = self._places_for(arrival)
        ends = sorted(each.ends_at(now) for each in self._rivals(arrival))
        return [now] * (places - len(ends)) + ends[-places:]

    def _waiting_like(self, arrival: Arrival) -> int | None:
        waiting = enumerate(self.places)
        return next((at for at, each in waiting if _is_same_lane(each.arrival, arrival)), None)

    def _running_like(self, arrival: Arrival) -> str | None:
        running = self.running.items()
        return next((name for name, each in running if _is_same_lane(each.arrival, arrival)), None)

    def _take_place(self, at: int, arrival: Arrival, now: float) -> Queue:
        older = self.places.pop(at)
        rank = min(older.rank, self._rank(arrival, now))
        place = Place(rank, older.order, arrival)
        insort(self.places, place)
        return Queue(ahead=self.places.index(place), superseded=older.arrival.request_id)

    def _fill(self, now: float) -> Turn:
        expired = [each for each in self.places if self._is_in_vain(each.arrival, now)]
        self.places = [each for each in self.places if each not in expired]
        admitted = []
        for place in list(self.places):
            if self._has_room(place.arrival):
                self.places.remove(place)
                self._run(place.arrival, now)
                admitted.append(place)
        return Turn(_ids(admitted), _ids(expired))

    def _is_in_vain(self, arrival: Arrival, now: float) -> bool:
        # Half of what it was let in with: else whoever was in time by little waits to be refused.
        service_s = (arrival.service_s or 0.0) * (1 + self.limits.margin / 2)
        return arrival.deadline_at <= now or now + service_s > arrival.deadline_at


def _is_same_lane(one: Arrival, other: Arrival) -> bool:
    # What works in the background on a document is not what somebody types in it.
    is_same = one.lane == other.lane and one.is_background == other.is_background
    return one.lane is not None and is_same


def _ids(places: Sequence[Place]) -> tuple[str, ...]:
    return tuple(place.arrival.request_id for place in places)

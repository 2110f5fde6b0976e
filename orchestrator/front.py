"""The door that all routes use: known answers at once, the same question once, and all measured."""

import hashlib
import secrets
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from cerebrum_kit.wire import TokenEvent
from orchestrator.core.cache import Cache
from orchestrator.errors import DeadlineError
from orchestrator.life import Events
from orchestrator.metrics import Meter
from orchestrator.single_flight import Flight
from orchestrator.wire import CompleteRequest, DoneEvent, RouteEvent, Timings

# What does not change the answer's text; everything else is part of an answer's key.
WITHOUT_EFFECT = {
    "stream",
    "deadline_ms",
    "priority",
    "min_success_rate",
    "client_id",
    "document_id",
}
ENTRY_BYTES = 4096  # of a kept answer beside its text, measured generously

Complete = Callable[[CompleteRequest], Events]


@dataclass(frozen=True)
class Answer:
    """A complete answer, as it was given the first time."""

    text: str
    done: DoneEvent


class Front:
    """Completes requests by `complete`.

    At temperature 0 an answer is kept, up to `cache_bytes` in all, and those who ask the same
    while it is generated share it; 0 bytes turn off both. `models` says what the pool serves just
    now: an answer of another time's models is not given again.
    """

    def __init__(
        self,
        complete: Complete,
        models: Callable[[], str],
        cache_bytes: int,
        meter: Meter,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._complete = complete
        self._models = models
        self._meter = meter
        self._clock = clock
        self._flights: dict[bytes, Flight] = {}
        self.cache: Cache[Answer] = Cache(cache_bytes)

    def complete(self, request: CompleteRequest) -> Events:
        """Answer one request: route, progress and tokens, then exactly one done event."""
        if request.purpose == "pre-evaluate":
            return self._meter.watch_pre_evaluation(self._complete(request))
        is_shared = request.temperature == 0 and self.cache.max_bytes > 0
        answer = self._known_or_shared if is_shared else self._complete
        return self._meter.watch(answer(request))

    async def _known_or_shared(self, request: CompleteRequest) -> Events:
        key = answer_key(request, self._models())
        known = self.cache.get(key)
        if known is not None:
            for each in _replayed(known):
                yield each
            return
        async with aclosing(self._shared(key, request)) as events:
            async for event in events:
                yield event

    async def _shared(self, key: bytes, request: CompleteRequest) -> Events:
        begun_at = self._clock()
        while True:
            flight_key = _flight_key(key, request)
            flight = self._flights.get(flight_key)
            is_own = flight is None
            if flight is None:
                forget = partial(self._forget, flight_key)
                flight = Flight(self._kept(key, request), on_over=forget)
                self._flights[flight_key] = flight
            is_told = False
            try:
                async with aclosing(flight.follow()) as events:
                    async for event in events:
                        is_told = True
                        yield event
                return
            except DeadlineError:
                # That was the deadline of who asked first; one's own may be later.
                left_ms = _left_ms(request, self._clock() - begun_at)
                if is_own or is_told or left_ms <= 0:
                    raise
                request = request.model_copy(update={"deadline_ms": left_ms})

    def _forget(self, flight_key: bytes, flight: Flight) -> None:
        if self._flights.get(flight_key) is flight:  # else the next one has begun already
            del self._flights[flight_key]

    async def _kept(self, key: bytes, request: CompleteRequest) -> Events:
        """Complete `request` and keep the answer."""
        pieces: list[str] = []
        async with aclosing(self._complete(request)) as events:
            async for event in events:
                if isinstance(event, TokenEvent):
                    pieces.append(event.token)
                elif isinstance(event, DoneEvent) and event.finish_reason != "cancelled":
                    text = "".join(pieces)
                    size_bytes = len(text.encode()) + ENTRY_BYTES
                    self.cache.put(key, Answer(text, event), size_bytes)
                yield event


def answer_key(request: CompleteRequest, models: str) -> bytes:
    """Return the key of everything that shapes the answer to `request` in a pool with `models`."""
    asked = request.model_dump_json(exclude=WITHOUT_EFFECT, exclude_none=True)
    return hashlib.blake2b(f"{models}\0{asked}".encode(), digest_size=16).digest()


def _flight_key(key: bytes, request: CompleteRequest) -> bytes:
    """Return the key of those who may share one generation: it ends for all of them alike."""
    asked = request.model_dump_json(include=WITHOUT_EFFECT - {"stream"})
    return key + asked.encode()


def _left_ms(request: CompleteRequest, elapsed_s: float) -> int:
    return (request.deadline_ms or 0) - int(elapsed_s * 1000)


def _replayed(known: Answer) -> tuple[RouteEvent | TokenEvent | DoneEvent, ...]:
    done = known.done.model_copy(
        update={"timings": Timings(first_token_ms=0.0), "from_cache": True}
    )
    route = RouteEvent(
        request_id=secrets.token_hex(8),
        node=done.node,
        model=done.model,
        predicted_first_token_ms=0.0,
        reason="the answer is known from before",
    )
    token = TokenEvent(token=known.text, total_tokens=done.usage.completion_tokens)
    return (route, token, done) if known.text else (route, done)

"""One request's life: admit → route → attempt → (the next node) → end.

A life is a generator of typed events, which the JSON answer collects and the stream passes on. It
raises what ends it early; to close it frees everything that it holds, the node's slot included.
One task must run it from its beginning to its end.
"""

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

from cerebrum_kit.errors import CerebrumError
from cerebrum_kit.logs import event as log_event
from cerebrum_kit.wire import ProgressEvent, TokenEvent
from node_backend.wire import DoneEvent as NodeDone
from orchestrator.choices import Chooser
from orchestrator.core.prediction import Tolerance, first_token_ms
from orchestrator.core.routing import NoRoute, Route, Wait
from orchestrator.errors import (
    LoadShedError,
    NoNodeError,
    SupersededError,
)
from orchestrator.failures import deserves_second_chance, last_failure, note, why_not
from orchestrator.gate import Gate
from orchestrator.hedging import Hedger
from orchestrator.life import NODE_FAILURES, Events, Life
from orchestrator.lifetime import Lifetime
from orchestrator.members import Member
from orchestrator.nodes import Accepted, NodeClient, NodeEvent
from orchestrator.outcome import Outcome, outcome_of
from orchestrator.pool import Pool
from orchestrator.reading_ahead import ReadingAhead
from orchestrator.reasoner import Reasoner
from orchestrator.translate import ending, refuse_too_large, to_node
from orchestrator.wire import CompleteRequest, DoneEvent, RouteEvent, Thought

NOTICE_END_S = 1.0  # how long a broken connection may be ahead of the news that its process ended

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patience:
    """How long to wait: `start_s` in the queue and for a starting node, and for a node's events."""

    start_s: float = 30.0
    tolerance: Tolerance = field(default_factory=Tolerance)


class Dispatcher:
    """Gives each request its life, and counts how each ended."""

    def __init__(
        self,
        gate: Gate,
        pool: Pool,
        hedger: Hedger,
        chooser: Chooser,
        reasoner: Reasoner,
        patience: Patience,
    ) -> None:
        self._gate = gate
        self._pool = pool
        self._chooser = chooser
        self._hedger = hedger
        self._reasoner = reasoner
        self.patience = patience
        self._clock = time.monotonic
        self._lives: dict[str, Life] = {}
        self._reading_ahead = ReadingAhead(pool, chooser, gate.admission)
        self.tally: Counter[Outcome] = Counter()
        self.read_ahead: Counter[Outcome] = Counter()

    async def complete(self, request: CompleteRequest) -> Events:
        """Answer `request`: route, then progress and tokens, then exactly one done event."""
        life = self._begin(request)
        outcome: Outcome = "cancelled"
        code = None
        try:
            async with aclosing(self._live(life)) as events:
                async for event in events:
                    if isinstance(event, DoneEvent):
                        outcome = "completed"
                    yield event
        except CerebrumError as error:
            outcome, code = outcome_of(error), error.code
            raise
        except Exception:
            outcome = "failed"
            raise
        finally:
            self._end(life, outcome, code)

    def end_all(self, reason: CerebrumError) -> None:
        """End every request, running or waiting, with `reason`."""
        for life in self._lives.values():
            life.lifetime.end(reason)

    def _begin(self, request: CompleteRequest) -> Life:
        refuse_too_large(request)
        born_at = self._clock()
        asked, context = to_node(request, self._clock)
        lifetime = Lifetime(born_at, request.deadline_ms)
        life = Life(request, asked, lifetime, context, context_s=self._clock() - born_at)
        if not life.is_ahead:
            self._reasoner.prepare(life)
        self._lives[life.id] = life
        return life

    def _end(self, life: Life, outcome: Outcome, code: str | None) -> None:
        del self._lives[life.id]
        self._gate.leave(life.id)
        tally = self.read_ahead if life.is_ahead else self.tally
        tally[outcome] += 1
        total_ms = life.timings(self._clock()).total_ms
        log.info(
            log_event(
                "request.ended",
                id=life.id,
                purpose=life.request.purpose,
                outcome=outcome,
                error=code,
                node=life.node,
                total_ms=total_ms,
            )
        )

    async def _live(self, life: Life) -> Events:
        if life.is_ahead:
            async with aclosing(self._reading_ahead.run(life, self.patience.tolerance)) as events:
                async for event in events:
                    yield event
            return
        async with aclosing(self._admit(life)) as events:
            async for event in events:
                yield event
        async with aclosing(self._reasoner.think(life, self._serve)) as events:
            async for event in events:
                yield event
        async with aclosing(self._serve(life)) as events:
            async for event in events:
                yield event

    async def _admit(self, life: Life) -> Events:
        start_s = self.patience.start_s
        service_s = self._chooser.service_s(life)
        is_background = self._chooser.mode_of(life) == "async"
        ticket = self._gate.arrive(life.arrival(start_s, service_s, is_background=is_background))
        if ticket.superseded is not None and (older := self._lives.get(ticket.superseded)):
            older.lifetime.end(SupersededError("a newer request took its place"))
        if not ticket.turn.done():
            yield ProgressEvent(stage="queued", detail={"ahead": ticket.ahead})
            until = life.lifetime.born_at + start_s
            try:
                await life.lifetime.wait(ticket.turn, until=until)
            except TimeoutError:
                raise LoadShedError(
                    f"it was not its turn within {start_s:.0f} s",
                    retry_after_s=start_s,
                    details={"reason": "waited-too-long"},
                ) from None
        life.admitted_at = self._clock()

    async def _serve(self, life: Life) -> Events:
        while True:
            change = self._pool.change  # before the decision: what changes after it must wake us
            match self._chooser.choose(life):
                case Route() as chosen:
                    member = self._pool.members[chosen.node]
                    client = member.client
                    assert client is not None  # noqa: S101 - a route leads to an address
                    try:
                        async with aclosing(self._attempt(life, chosen)) as events:
                            async for event in events:
                                yield event
                        return
                    except NODE_FAILURES as failure:
                        note(life, failure)
                        if deserves_second_chance(life, member, failure):
                            await self._until_back(life, member, client, change)
                case Wait(node) as waiting:
                    if life.is_first_token_sent:
                        raise last_failure(life)
                    if not life.is_route_told:
                        yield self._tell_route(life, waiting)
                        yield ProgressEvent(stage="loading", detail={"node": node})
                    await self._until_changed(life, change, node)
                case NoRoute() as nowhere:
                    raise why_not(life, nowhere)

    async def _until_back(
        self, life: Life, member: Member, client: NodeClient, change: asyncio.Event
    ) -> None:
        """Let a node be tried once more, as soon as it is known to have ended or come back."""
        life.second_chances.add(member.name)
        del life.failures[member.name]
        until = self._clock() + NOTICE_END_S
        with contextlib.suppress(TimeoutError):
            while member.client is client:
                await life.lifetime.wait(change.wait(), until=until)
                change = self._pool.change

    async def _until_changed(self, life: Life, change: asyncio.Event, node: str) -> None:
        start_s = self.patience.start_s
        try:
            await life.lifetime.wait(change.wait(), until=life.admitted_at + start_s)
        except TimeoutError:
            raise NoNodeError(
                f"{node} did not start within {start_s:.0f} s", retry_after_s=start_s
            ) from None

    async def _attempt(self, life: Life, chosen: Route) -> Events:
        if life.is_route_told and life.failures:
            yield ProgressEvent(stage="failover", detail={"to": chosen.node})
        life.node = chosen.node
        life.model = chosen.model or self._pool.members[chosen.node].seen.model
        answers: AsyncGenerator[tuple[str, NodeEvent], None]
        answers = self._hedger.run(life, chosen, self.patience.tolerance)
        async with aclosing(answers):
            while (told := await life.lifetime.wait(anext(answers, None))) is not None:
                node, event = told
                match event:
                    case Accepted():
                        if not life.is_route_told:
                            yield self._tell_route(life, chosen)
                    case NodeDone():
                        life.node = node
                        for held_back in life.on_end(self._clock()):
                            yield held_back
                        yield _ending(life, event, self._clock())
                    case TokenEvent():
                        if node != life.node:
                            life.node = node
                            yield ProgressEvent(stage="failover", detail={"to": node})
                        for each in life.on_token(event, self._clock()):
                            yield each
                    case ProgressEvent():
                        yield event

    def _tell_route(self, life: Life, chosen: Route | Wait) -> RouteEvent:
        life.is_route_told = True
        return RouteEvent(
            request_id=life.id,
            node=chosen.node,
            model=chosen.model or life.model,
            predicted_first_token_ms=first_token_ms(chosen.prediction),
            reason=chosen.reason,
        )


def _ending(life: Life, done: NodeDone, now: float) -> DoneEvent:
    completion_tokens = life.thinking_tokens + life.tokens_before + done.usage.completion_tokens
    usage = done.usage.model_copy(update={"completion_tokens": completion_tokens})
    done = done.model_copy(update={"usage": usage})
    told = ending(life.node or "", done, life.timings(now), life.context)
    if life.reasoning is None:
        return told
    thought = Thought(complexity=life.reasoning.complexity, tokens=life.thinking_tokens)
    return told.model_copy(update={"thought": thought})

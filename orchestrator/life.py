"""What is known of one request while it lives."""

import asyncio
import secrets
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from cerebrum_kit.errors import CerebrumError
from cerebrum_kit.wire import Message, ProgressEvent, TokenEvent
from node_backend.wire import InferenceRequest
from orchestrator.core.admission import Arrival
from orchestrator.core.prediction import Work
from orchestrator.core.reasoning import Reasoning
from orchestrator.core.routing import NoRoute, Route, Wait
from orchestrator.core.thinking import (
    CLOSE,
    OPEN,
    WITHOUT_THOUGHT,
    Thoughts,
    thinks,
    thought_through,
)
from orchestrator.errors import LoadShedError, NodeFailedError, NoNodeError, UnknownModelError
from orchestrator.lifetime import Lifetime
from orchestrator.wire import CompleteRequest, ContextReport, DoneEvent, RouteEvent, Timings

Event = RouteEvent | TokenEvent | ProgressEvent | DoneEvent
Events = AsyncGenerator[Event, None]

# What may go wrong with one node so that another one can be asked, and which of several such
# failures the caller is told: the one that says most about coming back.
NODE_FAILURES = (LoadShedError, NoNodeError, NodeFailedError, UnknownModelError)


@dataclass
class Life:
    """One request; times are on the event loop's clock, in seconds.

    `foreseen` is the route that it would have taken on arrival, and the pool's change after which
    it may be another one.
    """

    request: CompleteRequest
    asked: InferenceRequest
    lifetime: Lifetime
    context: ContextReport
    context_s: float
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    foreseen: tuple[asyncio.Event, Route | Wait | NoRoute] | None = None
    admitted_at: float = 0.0
    route_s: float = 0.0
    first_token_at: float | None = None
    node: str | None = None
    model: str | None = None
    is_route_told: bool = False
    text: list[str] = field(default_factory=list)
    tokens: int = 0
    tokens_before: int = 0
    continues_with: str | None = None
    failures: dict[str, CerebrumError] = field(default_factory=dict)
    second_chances: set[str] = field(default_factory=set)
    reasoning: Reasoning | None = None
    thoughts: Thoughts | None = None
    thinking_tokens: int = 0
    answer: InferenceRequest | None = None
    _answer_begins: str = ""

    @property
    def is_first_token_sent(self) -> bool:
        """Whether the caller has seen something of the answer."""
        return self.first_token_at is not None

    @property
    def is_ahead(self) -> bool:
        """Whether its prompt is only read ahead, in idle time."""
        return self.request.purpose == "pre-evaluate"

    def work(self) -> Work:
        """Return what prediction needs to know."""
        chars = self.context.chars_out + sum(map(len, self.text))
        return Work(chars, self.asked.max_tokens - self.tokens, self.asked.cache_key)

    def remaining(self, model: str | None) -> InferenceRequest:
        """Return what to ask of `model`: the whole, or what follows the text already sent."""
        asked = self.asked
        begun = asked.continue_from
        if asked.messages is not None and not begun.startswith(OPEN) and thinks(model or ""):
            begun = WITHOUT_THOUGHT + begun
        if self.continues_with is not None:
            begun += "".join(self.text)
        if begun == asked.continue_from:
            return asked
        rest = {"continue_from": begun, "max_tokens": asked.max_tokens - self.tokens}
        return asked.model_copy(update=rest)

    def begin_thinking(self, model: str, max_tokens: int) -> None:
        """Ask for thoughts about the request, as a chat: they follow a model's own template."""
        self.answer, self.thoughts, self.foreseen = self.asked, None, None
        question, self._answer_begins = _question(self.asked)
        thinking = {
            "prompt": None,
            "messages": question,
            "model": model,
            "max_tokens": max_tokens,
            "stop": [CLOSE],
            "continue_from": f"{OPEN}\n",
        }
        self.asked = self.asked.model_copy(update=thinking)

    def begin_answer(self) -> None:
        """Ask for the answer that follows the thoughts."""
        assert self.answer is not None  # noqa: S101 - it began with thinking
        begun = thought_through("".join(self.text)) + self._answer_begins
        rest = {"messages": self.asked.messages, "prompt": None, "continue_from": begun}
        self.asked = self.answer.model_copy(update=rest)
        self.continues_with, self.first_token_at = None, None
        self.forget()

    def forget(self) -> None:
        """Forget the text so far, of which the caller has seen none as the answer."""
        self.text.clear()
        self.tokens = self.tokens_before = 0
        self.thoughts = None if self.thoughts is None else Thoughts()

    def on_token(self, event: TokenEvent, now: float) -> "tuple[Event, ...]":
        """Take note of a piece of text; return what the caller gets to see of it."""
        self.text.append(event.token)
        self.tokens = self.tokens_before + event.total_tokens
        if self.thoughts is None:
            return self._told("", event.token, now)
        return self._told(*self.thoughts.feed(event.token), now)

    def on_end(self, now: float) -> "tuple[Event, ...]":
        """Return what was held back of the answer."""
        return () if self.thoughts is None else self._told("", self.thoughts.rest(), now)

    def _told(self, thought: str, answer: str, now: float) -> "tuple[Event, ...]":
        told: list[Event] = []
        if thought:
            detail: dict[str, object] = {"text": thought, "tokens": self.tokens}
            told.append(ProgressEvent(stage="thinking", detail=detail))
        if answer:
            self.first_token_at = self.first_token_at or now
            told.append(TokenEvent(token=answer, total_tokens=self.tokens))
        return tuple(told)

    def arrival(self, start_s: float, service_s: float | None, *, is_background: bool) -> Arrival:
        """Return what admission needs to know; it may wait for `start_s`."""
        latest_end = self.lifetime.born_at + start_s + (service_s or 0.0)
        ends_at = self.lifetime.ends_at
        client_id, document_id = self.request.client_id, self.request.document_id
        return Arrival(
            self.id,
            deadline_at=latest_end if ends_at is None else min(latest_end, ends_at),
            lane=(client_id, document_id) if client_id and document_id else None,
            priority=self.request.priority,
            service_s=service_s,
            is_background=is_background,
        )

    def most_telling_failure(self) -> CerebrumError | None:
        """Return the failure that the caller should hear of, when there were any."""
        for kind in NODE_FAILURES:
            for failure in self.failures.values():
                if isinstance(failure, kind):
                    return failure
        return None

    def timings(self, now: float) -> Timings:
        """Return the milliseconds of each stage so far."""
        born_at = self.lifetime.born_at
        first_at = self.first_token_at
        return Timings(
            queue_ms=(self.admitted_at - born_at) * 1000,
            route_ms=self.route_s * 1000,
            context_ms=self.context_s * 1000,
            first_token_ms=None if first_at is None else (first_at - born_at) * 1000,
            total_ms=(now - born_at) * 1000,
        )


def _question(asked: InferenceRequest) -> tuple[list[Message], str]:
    """Return a request as a chat, and with what its answer begins: an instruction's code fence."""
    if asked.messages is not None:
        return asked.messages, ""
    question, _, opening = (asked.prompt or "").rstrip("\n").rpartition("\n")
    return [Message(role="user", content=question)], f"{opening}\n"

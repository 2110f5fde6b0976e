"""What is known of one request while it lives."""

import secrets
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

from cerebrum_kit.errors import CerebrumError
from cerebrum_kit.wire import ProgressEvent, TokenEvent
from node_backend.wire import InferenceRequest
from orchestrator.core.admission import Arrival
from orchestrator.core.prediction import Work
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
    """One request; times are on the event loop's clock, in seconds."""

    request: CompleteRequest
    asked: InferenceRequest
    lifetime: Lifetime
    context: ContextReport
    context_s: float
    id: str = field(default_factory=lambda: secrets.token_hex(8))
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

    @property
    def is_first_token_sent(self) -> bool:
        """Whether the caller has seen something of the answer."""
        return self.first_token_at is not None

    def work(self) -> Work:
        """Return what prediction needs to know."""
        chars = self.context.chars_out + sum(map(len, self.text))
        return Work(chars, self.asked.max_tokens - self.tokens, self.asked.cache_key)

    def remaining(self) -> InferenceRequest:
        """Return what to ask a node for: the whole, or what follows the text already sent."""
        if self.continues_with is None:
            return self.asked
        rest = {
            "continue_from": self.asked.continue_from + "".join(self.text),
            "max_tokens": self.asked.max_tokens - self.tokens,
        }
        return self.asked.model_copy(update=rest)

    def on_token(self, event: TokenEvent, now: float) -> TokenEvent:
        """Take note of a piece of the answer; return it as the caller counts it."""
        self.first_token_at = self.first_token_at or now
        self.text.append(event.token)
        self.tokens = self.tokens_before + event.total_tokens
        if not self.tokens_before:
            return event
        return TokenEvent(token=event.token, total_tokens=self.tokens)

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

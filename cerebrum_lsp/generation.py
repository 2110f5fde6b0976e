"""What has come for one request to the pool, and where its time went."""

from dataclasses import dataclass

from cerebrum_kit.wire import ProgressEvent, StreamError, TokenEvent, Usage
from cerebrum_lsp.context import Gathered
from cerebrum_lsp.core.journal import Stages
from cerebrum_lsp.pool import CompletionEvent
from orchestrator.wire import DoneEvent, RouteEvent


@dataclass
class Generation:
    """One run upstream. Times are in seconds of one monotonic clock."""

    sent_at: float
    first_token_at: float | None = None
    last_token_at: float | None = None
    first_tokens: int = 0
    tokens: int = 0
    route: RouteEvent | None = None
    done: DoneEvent | None = None
    error: StreamError | None = None
    context: Gathered | None = None
    message: str = ""
    retry_after_s: float | None = None
    ahead_tokens: int = 0

    def take(self, incoming: CompletionEvent, now: float) -> str:
        """Take in one event; return the text that it brings, if any."""
        match incoming:
            case TokenEvent():
                if self.first_token_at is None:
                    self.first_token_at, self.first_tokens = now, incoming.total_tokens
                self.last_token_at, self.tokens = now, incoming.total_tokens
                return incoming.token
            case RouteEvent():
                self.route = incoming
            case DoneEvent():
                self.done = incoming
            case StreamError():
                self.error, self.message = incoming, incoming.message
                self.retry_after_s = incoming.retry_after_s
            case ProgressEvent():
                pass
        return ""

    @property
    def node(self) -> str | None:
        """The node that serves it."""
        return self.done.node if self.done else self.route.node if self.route else None

    @property
    def model(self) -> str | None:
        """The model that writes it."""
        return self.done.model if self.done else self.route.model if self.route else None

    @property
    def usage(self) -> Usage:
        """What it cost, as far as that is known: a run that was stopped tells its tokens only."""
        return self.done.usage if self.done else Usage(completion_tokens=self.tokens)

    @property
    def tokens_per_s(self) -> float | None:
        """How fast it was written, None if it was too short to tell."""
        tokens, decode_ms = self.tokens - self.first_tokens, self._arrival_ms
        if self.done is not None:
            tokens = self.done.usage.completion_tokens - 1
            decode_ms = self.done.node_timings.decode_ms
        return tokens * 1000 / decode_ms if tokens > 0 and decode_ms else None

    @property
    def _arrival_ms(self) -> float | None:
        """From the first token to the last: what one who only listens knows of the decoding."""
        is_one_piece = self.tokens == self.first_tokens
        if is_one_piece or self.first_token_at is None or self.last_token_at is None:
            return None
        return (self.last_token_at - self.first_token_at) * 1000

    def stages(self, asked_at: float, total_ms: float) -> Stages:
        """Split the `total_ms` since `asked_at` into its stages.

        What the daemon and the orchestrator added is the difference between what each of them and
        the next one saw until the first token.
        """
        first_token_ms = None
        if self.first_token_at is not None:
            first_token_ms = max(0.0, self.first_token_at - asked_at) * 1000
        context_ms = self.context.waited_ms if self.context else None
        if self.done is None:
            return Stages(
                context_ms=context_ms,
                decode_ms=self._arrival_ms,
                first_token_ms=first_token_ms,
                total_ms=total_ms,
            )
        seen, node = self.done.timings, self.done.node_timings
        added_ms = _difference(first_token_ms, seen.first_token_ms)
        return Stages(
            daemon_ms=_difference(added_ms, context_ms or 0.0),
            context_ms=context_ms,
            orchestrator_ms=_difference(seen.first_token_ms, node.first_token_ms),
            node_queue_ms=node.queue_ms,
            node_load_ms=node.load_ms,
            prefill_ms=node.prefill_ms,
            decode_ms=node.decode_ms,
            first_token_ms=first_token_ms,
            total_ms=total_ms,
        )


def _difference(outer_ms: float | None, inner_ms: float | None) -> float | None:
    if outer_ms is None or inner_ms is None:
        return None
    return max(0.0, outer_ms - inner_ms)


def outcome_of(code: str) -> str:
    """Return the outcome's name (L10) for an error code of the orchestrator."""
    if code in {"circuit-open", "deadline"}:
        return code
    return f"shed:{code}" if code == "load-shed" else f"failed:{code}"

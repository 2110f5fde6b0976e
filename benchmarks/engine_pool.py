"""A pool that is one real engine, and keeps an account of what that has to read."""

import math
import statistics
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import asdict, dataclass, field

from benchmarks.figures import quantile
from cerebrum_kit.wire import ProgressEvent, TokenEvent, Usage
from cerebrum_lsp.pool import CompletionEvent, Pool
from node_backend.engines.base import Engine, Finished, InfillPrompt, Order, Piece, PrefillProgress
from orchestrator.wire import CompleteRequest, DoneEvent, NodeTimings, Timings


@dataclass(frozen=True)
class Reading:
    """What the engine had to read of one prompt."""

    evaluated_tokens: int
    prompt_tokens: int

    @property
    def share(self) -> float:
        """The part that was not in its cache."""
        return self.evaluated_tokens / self.prompt_tokens


@dataclass
class Account:
    """What was read: for each request that reached the engine, and ahead of them."""

    readings: list[Reading] = field(default_factory=list)
    ahead: list[Reading] = field(default_factory=list)

    def share(self, at: float) -> float:
        """Return the evaluated share at a quantile of the requests, the first left out."""
        return quantile([each.share for each in self.readings[1:]] or [math.nan], at)

    @property
    def tokens_per_request(self) -> float:
        """How much a request had to have read, on average."""
        return statistics.fmean([each.evaluated_tokens for each in self.readings[1:]] or [math.nan])

    @property
    def ahead_per_request(self) -> float:
        """How much was read ahead for each request, on average."""
        return sum(each.evaluated_tokens for each in self.ahead) / max(1, len(self.readings))


class EnginePool(Pool):
    """A pool that is one engine, and keeps an account of what it reads."""

    def __init__(self, engine: Engine, work: Callable[[int], None]) -> None:
        self._engine = engine
        self._work = work
        self.account = Account()

    async def complete(self, request: CompleteRequest) -> AsyncGenerator[CompletionEvent, None]:
        """Do as a node does; what is cut off counts as far as it was read."""
        is_ahead = request.purpose == "pre-evaluate"
        order = _order(request, only_reads=is_ahead)
        progress = PrefillProgress(0, 0)
        self._work(1)
        try:
            async with aclosing(self._engine.generate(order)) as events:
                async for event in events:
                    match event:
                        case PrefillProgress():
                            progress = event
                            detail: dict[str, object] = asdict(event)
                            yield ProgressEvent(stage="prefill", detail=detail)
                        case Piece(text, total_tokens):
                            yield TokenEvent(token=text, total_tokens=total_tokens)
                        case Finished():
                            yield _done(event)
        finally:
            self._work(-1)
            if is_ahead:
                read = max(0, progress.processed - progress.cached)
                self.account.ahead.append(Reading(read, progress.total))
            elif progress.total:  # all of it, even if it was cancelled before
                anew = progress.total - progress.cached
                self.account.readings.append(Reading(anew, progress.total))


def _order(request: CompleteRequest, *, only_reads: bool) -> Order:
    infill = request.infill
    assert infill is not None, "the daemon's completer asks for nothing else"
    prompt = InfillPrompt(infill.prefix, infill.suffix, infill.path, tuple(request.snippets))
    stop = tuple(request.stop)
    return Order(prompt, 0, request.max_tokens, 0.0, stop, only_reads=only_reads)


def _done(event: Finished) -> DoneEvent:
    return DoneEvent(
        finish_reason=event.reason,
        model="engine",
        node="engine",
        usage=Usage(
            prompt_tokens=event.prompt_tokens,
            cached_tokens=event.cached_tokens,
            completion_tokens=event.completion_tokens,
        ),
        timings=Timings(),
        node_timings=NodeTimings(prefill_ms=event.prefill_ms, decode_ms=event.decode_ms),
    )

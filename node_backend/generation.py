"""One request's life: admitted, waiting for a slot, for the model, for its text; then ended.

Place ── queued? ──▶ slot ── loading? ──▶ engine ── prefill ──▶ tokens ──▶ done
            │           │                   │                     │
            └───────────┴──── cancelled or failed: the place is given back ┘
"""

import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from cerebrum_kit.errors import CerebrumError
from cerebrum_kit.logs import event
from cerebrum_kit.wire import FinishReason, ProgressEvent, TokenEvent, Usage
from node_backend.engines.base import (
    ChatPrompt,
    Finished,
    InfillPrompt,
    Order,
    Piece,
    PrefillProgress,
    Prompt,
    RawPrompt,
)
from node_backend.errors import EngineFailedError
from node_backend.metrics import Meter
from node_backend.place import Place
from node_backend.wire import DoneEvent, InferenceRequest, InferenceResponse, Timings

GenerationEvent = TokenEvent | ProgressEvent | DoneEvent

log = logging.getLogger(__name__)


@dataclass
class Stopwatch:
    """When the stages of a request were reached, on one monotonic clock, in seconds."""

    clock: Callable[[], float]
    arrived: float = field(init=False)
    granted: float = field(init=False)
    loaded: float = field(init=False)
    first_token: float | None = None

    def __post_init__(self) -> None:
        self.arrived = self.granted = self.loaded = self.clock()

    def timings(self, finished: Finished) -> Timings:
        """Return the milliseconds by stage."""
        first_token_ms = None
        if self.first_token is not None:
            first_token_ms = (self.first_token - self.arrived) * 1000
        return Timings(
            queue_ms=(self.granted - self.arrived) * 1000,
            load_ms=(self.loaded - self.granted) * 1000 + finished.load_ms,
            prefill_ms=finished.prefill_ms,
            decode_ms=finished.decode_ms,
            first_token_ms=first_token_ms,
        )


class Generation:
    """One admitted request; `events` is its one and only run."""

    def __init__(
        self,
        place: Place,
        request: InferenceRequest,
        meter: Meter | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._place = place
        self._request = request
        self._meter = meter or Meter()
        self._watch = Stopwatch(clock)

    async def events(self) -> AsyncGenerator[GenerationEvent, None]:
        """Yield what happens; the last event is `DoneEvent`. Raises CerebrumError instead of it.

        Closing it gives the slot back, whatever the request is waiting for.
        """
        try:
            async with aclosing(self._stages()) as stages:
                async for each in stages:
                    if isinstance(each, DoneEvent):
                        self._on_done(each)
                    yield each
        except CerebrumError as error:
            self._place.end("failed" if error.status >= 500 else "refused")
            log.warning(event("request.failed", code=error.code, error=error.message))
            raise
        finally:
            self._place.end("cancelled")  # does nothing unless nothing else ended it

    def _on_done(self, done: DoneEvent) -> None:
        is_whole = done.finish_reason != "cancelled"
        self._place.end("completed" if is_whole else "cancelled")  # the slot is free before it says
        if self._request.purpose == "pre-evaluate":
            self._meter.on_pre_evaluation(done.model, done.usage)
        else:
            self._meter.on_usage(done.model, done.usage)
        self._log_end(done)

    def abandon(self) -> None:
        """Give the place back if `events` was never begun or never ended."""
        self._place.end("cancelled")

    async def response(self) -> InferenceResponse:
        """Run to the end; return the whole answer. Raises CerebrumError."""
        pieces: list[str] = []
        async with aclosing(self.events()) as events:
            async for each in events:
                if isinstance(each, TokenEvent):
                    pieces.append(each.token)
                elif isinstance(each, DoneEvent):
                    ending = each.model_dump(exclude={"done"})
                    return InferenceResponse(text="".join(pieces), **ending)
        raise AssertionError("a generation ends with DoneEvent or an error")

    async def _stages(self) -> AsyncGenerator[GenerationEvent, None]:
        watch = self._watch
        if self._place.is_waiting:
            yield ProgressEvent(stage="queued", detail={"ahead": self._place.ahead})
        slot = await self._place.slot()
        watch.granted = watch.clock()
        engine = self._place.engine
        if engine.status.state != "ready":
            yield ProgressEvent(stage="loading")
        await self._place.load()
        watch.loaded = watch.clock()
        read = PrefillProgress(0, 0)
        results = self._place.spare.until_end(engine.generate(self._order(slot)))
        async with aclosing(results):
            async for result in results:
                if isinstance(result, PrefillProgress):
                    read = result
                yield self._translate(result)
                if isinstance(result, Finished):
                    return
        if not self._place.spare.is_over:
            raise EngineFailedError("the engine ended before it had finished")
        yield self._cut_off(read)

    def _cut_off(self, read: PrefillProgress) -> DoneEvent:
        """Return the end of what made way for others: so much of the prompt is in the cache."""
        cut = Finished("stop", read.processed, min(read.cached, read.processed), 0, 0.0, 0.0)
        return self._done(cut).model_copy(update={"finish_reason": "cancelled"})

    def _translate(self, result: PrefillProgress | Piece | Finished) -> GenerationEvent:
        match result:
            case PrefillProgress(processed, total, cached):
                detail: dict[str, object] = {"processed": processed, "total": total}
                if self._request.purpose == "pre-evaluate":
                    detail["cached"] = cached
                return ProgressEvent(stage="prefill", detail=detail)
            case Piece(text, total_tokens):
                if self._watch.first_token is None:
                    self._watch.first_token = self._watch.clock()
                    seconds = self._watch.first_token - self._watch.arrived
                    self._meter.on_first_token(self._place.model.name, seconds)
                return TokenEvent(token=text, total_tokens=total_tokens)
            case Finished() if self._request.purpose == "pre-evaluate":
                return self._done(replace(result, reason="stop", completion_tokens=0))
            case Finished():
                return self._done(result)

    def _done(self, finished: Finished) -> DoneEvent:
        reason: FinishReason = finished.reason
        return DoneEvent(
            finish_reason=reason,
            model=self._place.model.name,
            inference_time=self._watch.clock() - self._watch.arrived,
            total_tokens=finished.completion_tokens,
            usage=Usage(
                prompt_tokens=finished.prompt_tokens,
                cached_tokens=finished.cached_tokens,
                completion_tokens=finished.completion_tokens,
            ),
            timings=self._watch.timings(finished),
        )

    def _order(self, slot: int) -> Order:
        request = self._request
        return Order(
            prompt=_prompt(request),
            slot=slot,
            max_tokens=request.max_tokens,
            temperature=request.temperature,
            stop=tuple(request.stop),
            continue_from=request.continue_from,
            only_reads=request.purpose == "pre-evaluate",
        )

    def _log_end(self, done: DoneEvent) -> None:
        log.info(
            event(
                "request.completed",
                purpose=self._request.purpose,
                prompt_tokens=done.usage.prompt_tokens,
                cached_tokens=done.usage.cached_tokens,
                completion_tokens=done.usage.completion_tokens,
                first_token_ms=done.timings.first_token_ms,
                total_ms=done.inference_time * 1000,
            )
        )


def _prompt(request: InferenceRequest) -> Prompt:
    if request.infill is not None:
        infill = request.infill
        return InfillPrompt(infill.prefix, infill.suffix, infill.path, tuple(infill.snippets))
    if request.messages is not None:
        return ChatPrompt(tuple((turn.role, turn.content) for turn in request.messages))
    assert request.prompt is not None  # noqa: S101 - the wire demands exactly one of the three
    return RawPrompt(request.prompt)

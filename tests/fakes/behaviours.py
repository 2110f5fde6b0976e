"""How a fake node answers `POST /v1/inference`: one function a way, well or badly.

Each returns a behaviour, to be set as `node.behaviour` at any time; it holds for the requests that
come from then on. What a client sees of each is in its name.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from cerebrum_kit.wire import FinishReason, Usage
from node_backend.wire import DoneEvent, InferenceRequest, Timings
from tests.fakes.exchange import Exchange
from tests.fakes.pacing import CHARS_PER_TOKEN, Immediate, Pace

MODEL = "fake-model"
PIECES = ("hello", " ", "world")

MADE_UP = Timings(prefill_ms=20.0, decode_ms=30.0, first_token_ms=21.0)

Behaviour = Callable[[Exchange, InferenceRequest], Awaitable[None]]


def ok(
    pieces: Sequence[str] = PIECES,
    pace: Pace | None = None,
    model: str = MODEL,
    *,
    is_timed: bool = False,
) -> Behaviour:
    """Answer well: prefill progress, `pieces` as tokens, done.

    Its timings are made up, and always the same, unless it `is_timed`.
    """
    pace = pace or Immediate()

    async def behave(exchange: Exchange, asked: InferenceRequest) -> None:
        prompt_tokens = count_tokens(asked)
        await exchange.begin_stream()
        await exchange.send_event(
            {"stage": "prefill", "detail": {"processed": 0, "total": prompt_tokens}}, "progress"
        )
        begun_at = time.monotonic()
        await pace.prefill(prompt_tokens)
        prefilled_at = time.monotonic()
        wanted = list(pieces)[: asked.max_tokens]
        for count, piece in enumerate(wanted, start=1):
            await pace.decode()
            await exchange.send_event({"token": piece, "total_tokens": count})
        reason: FinishReason = "stop" if len(wanted) == len(pieces) else "length"
        timings = _measured(begun_at, prefilled_at, time.monotonic()) if is_timed else MADE_UP
        done = done_event(prompt_tokens, len(wanted), reason, model, timings)
        await exchange.send_event(done)
        await exchange.end_stream()

    return behave


def one_at_a_time(behaviour: Behaviour) -> Behaviour:
    """Answer as `behaviour` does, but let each request wait for those before it."""
    slot = asyncio.Lock()

    async def behave(exchange: Exchange, asked: InferenceRequest) -> None:
        async with slot:
            await behaviour(exchange, asked)

    return behave


def refuse(
    status: int = 503,
    retry_after_s: int | None = 7,
    code: str = "load-shed",
    message: str = "busy elsewhere",
) -> Behaviour:
    """Answer with an error of the wire's shape: 503, 429, or any 4xx."""

    async def behave(exchange: Exchange, _: InferenceRequest) -> None:
        headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
        detail: dict[str, object] = {"code": code, "message": message}
        await exchange.answer_json({"error": detail}, status, headers)

    return behave


def unknown_model() -> Behaviour:
    return refuse(404, None, "unknown-model", "there is no such model here")


def crash_page(status: int = 500) -> Behaviour:
    """Answer with an error that is not of the wire's shape."""

    async def behave(exchange: Exchange, _: InferenceRequest) -> None:
        await exchange.answer_json("Internal Server Error", status)

    return behave


def hang_before_headers() -> Behaviour:
    """Take the request and say nothing, until the client goes away."""

    async def behave(exchange: Exchange, _: InferenceRequest) -> None:
        await exchange.client_gone.wait()

    return behave


def hang_after(pieces: Sequence[str] = ()) -> Behaviour:
    """Send headers and `pieces`, and nothing more, until the client goes away."""

    async def behave(exchange: Exchange, _: InferenceRequest) -> None:
        await exchange.begin_stream()
        await _send_tokens(exchange, pieces)
        await exchange.client_gone.wait()

    return behave


def reset_before_headers() -> Behaviour:
    """Break the connection when the request has been read."""

    async def behave(exchange: Exchange, _: InferenceRequest) -> None:
        exchange.reset()

    return behave


def reset_after(pieces: Sequence[str] = ()) -> Behaviour:
    """Send headers and `pieces`, then break the connection."""

    async def behave(exchange: Exchange, _: InferenceRequest) -> None:
        await exchange.begin_stream()
        await _send_tokens(exchange, pieces)
        exchange.reset()

    return behave


def cut_after(pieces: Sequence[str] = ()) -> Behaviour:
    """Send headers and `pieces`, then end the body properly, but without a done event."""

    async def behave(exchange: Exchange, _: InferenceRequest) -> None:
        await exchange.begin_stream()
        await _send_tokens(exchange, pieces)
        await exchange.end_stream()

    return behave


def fail_after(pieces: Sequence[str] = (), code: str = "engine-failed") -> Behaviour:
    """Send headers and `pieces`, then the wire's own error event."""

    async def behave(exchange: Exchange, _: InferenceRequest) -> None:
        await exchange.begin_stream()
        await _send_tokens(exchange, pieces)
        await exchange.send_event({"error": code, "message": "the engine died", "done": True})
        await exchange.end_stream()

    return behave


def garble_after(pieces: Sequence[str] = (), raw: bytes = b'data: {"token": \n\n') -> Behaviour:
    """Send headers and `pieces`, then `raw` as the next event: broken JSON, broken SSE."""

    async def behave(exchange: Exchange, _: InferenceRequest) -> None:
        await exchange.begin_stream()
        await _send_tokens(exchange, pieces)
        await exchange.send_chunk(raw)
        await exchange.client_gone.wait()

    return behave


def no_event_stream() -> Behaviour:
    """Answer 200 with something else altogether, as a wrong program on the port would."""

    async def behave(exchange: Exchange, _: InferenceRequest) -> None:
        await exchange.answer_json({"hello": "there"})

    return behave


def done_event(
    prompt_tokens: int,
    completion_tokens: int,
    reason: FinishReason = "stop",
    model: str = MODEL,
    timings: Timings = MADE_UP,
) -> dict[str, object]:
    """Return a node's done event."""
    done = DoneEvent(
        finish_reason=reason,
        model=model,
        inference_time=0.5,
        total_tokens=completion_tokens,
        usage=Usage(prompt_tokens=prompt_tokens, completion_tokens=completion_tokens),
        timings=timings,
    )
    return done.model_dump()


def count_tokens(asked: InferenceRequest) -> int:
    """Return how many tokens the fake takes a request to have."""
    text = asked.prompt or ""
    if asked.infill is not None:
        text = asked.infill.prefix + asked.infill.suffix
    return max(1, len(text) // CHARS_PER_TOKEN)


def _measured(begun_at: float, prefilled_at: float, ended_at: float) -> Timings:
    prefill_ms, decode_ms = (prefilled_at - begun_at) * 1000, (ended_at - prefilled_at) * 1000
    return Timings(prefill_ms=prefill_ms, decode_ms=decode_ms, first_token_ms=prefill_ms)


async def _send_tokens(exchange: Exchange, pieces: Sequence[str]) -> None:
    for count, piece in enumerate(pieces, start=1):
        await exchange.send_event({"token": piece, "total_tokens": count})

"""How a request's life leaves the service: collected into JSON, or passed on as it comes."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeVar

from fastapi import Request
from fastapi.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from cerebrum_kit.errors import CerebrumError
from cerebrum_kit.http import until_disconnect
from cerebrum_kit.sse import HEADERS, KEEP_ALIVE_S, encode, with_keep_alive
from cerebrum_kit.wire import ProgressEvent, StreamError, TokenEvent
from orchestrator.errors import NodeFailedError
from orchestrator.life import Event, Events
from orchestrator.wire import CompleteResponse, DoneEvent, RouteEvent

T = TypeVar("T")

CLIENT_CLOSED_REQUEST = 499  # nginx's number; nobody is there to read it


@dataclass(frozen=True)
class Format:
    """How a protocol writes a stream: what it is, its keep-alive, and an error as its last chunk.

    `keep_alive_s` is None where there is nothing that a client would skip.
    """

    media_type: str
    failure: Callable[[CerebrumError], bytes]
    keep_alive_s: float | None = KEEP_ALIVE_S


async def as_json(request: Request, events: Events) -> Response:
    """Answer with the whole completion; stop as soon as the client goes away."""
    return await as_whole(request, events, _as_it_is)


async def as_whole(
    request: Request, events: Events, render: Callable[[CompleteResponse], Response]
) -> Response:
    """Answer with what `render` makes of the whole completion."""
    return await as_result(request, collect(events), render)


async def as_result(
    request: Request, work: Coroutine[object, object, T], render: Callable[[T], Response]
) -> Response:
    """Answer with what `render` makes of the result of `work`, which nobody else waits for."""
    try:
        result = await until_disconnect(request, work)
    except asyncio.CancelledError:
        return _unless_cancelled()
    return render(result)


async def as_stream(request: Request, events: Events) -> Response:
    """Answer with the events as they come."""
    return await as_chunks(request, _render(events), NATIVE)


async def as_chunks(
    request: Request, chunks: AsyncGenerator[bytes, None], form: Format
) -> Response:
    """Answer with `chunks` as they come.

    What fails before the first one is an error like any other, with its own status; after it, the
    stream's last chunk.
    """
    rendered = with_keep_alive(chunks, form.keep_alive_s)
    try:
        first = await until_disconnect(request, _first(rendered))
    except asyncio.CancelledError:
        await rendered.aclose()
        return _unless_cancelled()
    return _Continued(first, rendered, form)


class _Continued(StreamingResponse):
    """Sends a stream whose first chunk is there; owns it, and closes it in whatever way it ends."""

    def __init__(self, first: bytes, rest: AsyncGenerator[bytes, None], form: Format) -> None:
        self._rest = rest
        content = _with_error_as_chunk(first, rest, form)
        super().__init__(content, media_type=form.media_type, headers=HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._rest.aclose()


async def collect(events: Events) -> CompleteResponse:
    """Return the whole answer that `events` make."""
    pieces: list[str] = []
    done: DoneEvent | None = None
    async with aclosing(events):
        async for event in events:
            match event:
                case TokenEvent():
                    pieces.append(event.token)
                case DoneEvent():
                    done = event
    if done is None:
        raise NodeFailedError("the answer ended in the middle")
    return CompleteResponse(text="".join(pieces), **done.model_dump(exclude={"done"}))


def _as_it_is(answer: CompleteResponse) -> Response:
    return Response(answer.model_dump_json(), media_type="application/json")


async def _render(events: Events) -> AsyncGenerator[bytes, None]:
    async with aclosing(events):
        async for event in events:
            yield encode(event, _name(event))


async def _first(rendered: AsyncGenerator[bytes, None]) -> bytes:
    return await anext(rendered, b"")


async def _with_error_as_chunk(
    first: bytes, rest: AsyncGenerator[bytes, None], form: Format
) -> AsyncGenerator[bytes, None]:
    yield first
    try:
        async for chunk in rest:
            yield chunk
    except CerebrumError as error:
        yield form.failure(error)


def _failure_event(error: CerebrumError) -> bytes:
    return encode(
        StreamError(error=error.code, message=error.message, retry_after_s=error.retry_after_s)
    )


NATIVE = Format("text/event-stream", _failure_event)


def _name(event: Event) -> str | None:
    match event:
        case RouteEvent():
            return "route"
        case ProgressEvent():
            return "progress"
        case _:
            return None


def _unless_cancelled() -> Response:
    """Return an answer for a client that has gone; pass on that this task itself is cancelled."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
    return Response(status_code=CLIENT_CLOSED_REQUEST)

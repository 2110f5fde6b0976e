"""How a request's life leaves the service: collected into JSON, or passed on as it comes."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeVar

from fastapi import Request
from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from cerebrum_kit.errors import CerebrumError
from cerebrum_kit.http import error_response, until_disconnect
from cerebrum_kit.sse import KEEP_ALIVE_S, MEDIA_TYPE, Stream, encode
from cerebrum_kit.wire import ProgressEvent, StreamError, TokenEvent
from orchestrator.errors import NodeFailedError
from orchestrator.life import Event, Events
from orchestrator.wire import CompleteResponse, DoneEvent, RouteEvent

T = TypeVar("T")

CLIENT_CLOSED_REQUEST = 499  # nginx's number; nobody is there to read it


@dataclass(frozen=True)
class Format:
    """How a protocol writes a stream: what it is, and an error before its first chunk and after.

    `keep_alive_s` is None where there is nothing that a client would skip.
    """

    media_type: str
    refusal: Callable[[CerebrumError], Response]
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


def as_stream(events: Events) -> Response:
    """Answer with the events as they come."""
    return Chunks(_render(events), NATIVE)


class Chunks(Stream):
    """Answers with chunks as they come, in a protocol's own format."""

    def __init__(self, chunks: AsyncGenerator[bytes, None], form: Format) -> None:
        super().__init__(chunks, form.media_type, form.keep_alive_s)
        self._form = form

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them; what fails before the first is an answer of its own, after it the last one."""
        try:
            await super().__call__(scope, receive, send)
        except CerebrumError as error:
            if self.has_begun:
                await self.pass_on(self._form.failure(error), send, is_last=True)
            else:
                await self._form.refusal(error)(scope, receive, send)


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


def _failure_event(error: CerebrumError) -> bytes:
    return encode(
        StreamError(error=error.code, message=error.message, retry_after_s=error.retry_after_s)
    )


NATIVE = Format(MEDIA_TYPE, error_response, _failure_event)


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

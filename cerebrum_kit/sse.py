"""Server-sent events: how a token stream leaves a service."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import anyio
from fastapi.sse import format_sse_event
from pydantic import BaseModel
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

KEEP_ALIVE_S = 15.0  # below the idle timeout of the usual proxies
KEEP_ALIVE = format_sse_event(comment="keep-alive")
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def encode(data: BaseModel, event: str | None = None) -> bytes:
    """Render one event; absent fields are left out."""
    return format_sse_event(data_str=data.model_dump_json(exclude_none=True), event=event)


def event_stream(
    events: AsyncGenerator[bytes, None], on_end: Callable[[], None] = lambda: None
) -> StreamingResponse:
    """Answer with `events`; a client that goes away closes the generator at once.

    `on_end` is called when the answer has ended in whatever way, even before `events` began: a
    generator that was never begun has no `finally` that could give back what it was made with.
    """
    return _EventStream(events, on_end)


class _EventStream(StreamingResponse):
    """Closes what it streams itself: left to the garbage collector, that happens some time."""

    def __init__(self, events: AsyncGenerator[bytes, None], on_end: Callable[[], None]) -> None:
        self._stream = with_keep_alive(events)
        self._on_end = on_end
        super().__init__(self._stream, media_type="text/event-stream", headers=HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            try:
                await self._stream.aclose()
            finally:
                self._on_end()


async def with_keep_alive(
    events: AsyncGenerator[bytes, None], interval_s: float | None = KEEP_ALIVE_S
) -> AsyncGenerator[bytes, None]:
    """Yield what `events` yields, and a comment whenever it is silent for `interval_s`, if any.

    One task runs `events` from beginning to end, since what it holds (HTTP streams, locks) may not
    change tasks.
    """
    ready: asyncio.Queue[bytes | None] = asyncio.Queue(maxsize=16)

    async def pump() -> None:
        async with aclosing(events):
            async for event in events:
                await ready.put(event)
        await ready.put(None)

    task = asyncio.create_task(pump())
    task.add_done_callback(lambda done: _unblock(ready, done))
    try:
        while not (task.done() and ready.empty()):
            try:
                async with asyncio.timeout(interval_s):
                    event = await ready.get()
            except TimeoutError:
                yield KEEP_ALIVE
                continue
            if event is None:
                break
            yield event
    finally:
        task.cancel()
        # Starlette's cancellation strikes again at every await, and `gather` would pass it on: a
        # second one breaks into the clean-up of the first, and the connection behind it stays open.
        with anyio.CancelScope(shield=True):
            await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # retrieved, for when nobody is left to hear it
    await task


def _unblock(ready: asyncio.Queue[bytes | None], done: asyncio.Task[None]) -> None:
    """Wake the reader if it waits for a pump that failed, which could not say so itself."""
    failed = not done.cancelled() and done.exception() is not None
    if failed and ready.empty():
        ready.put_nowait(None)

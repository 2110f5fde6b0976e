"""Server-sent events: how a token stream leaves a service."""

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial

from fastapi.sse import format_sse_event
from pydantic import BaseModel
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from cerebrum_kit.http import ClientGoneError, disconnection, while_connected

MEDIA_TYPE = "text/event-stream"
KEEP_ALIVE_S = 15.0  # below the idle timeout of the usual proxies
KEEP_ALIVE = format_sse_event(comment="keep-alive")
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def encode(data: BaseModel, event: str | None = None) -> bytes:
    """Render one event; absent fields are left out."""
    return format_sse_event(data_str=data.model_dump_json(exclude_none=True), event=event)


def event_stream(
    events: AsyncGenerator[bytes, None], on_end: Callable[[], None] = lambda: None
) -> "Stream":
    """Answer with `events`; a client that goes away closes the generator at once.

    `on_end` is called when the answer has ended in whatever way, even before `events` began: a
    generator that was never begun has no `finally` that could give back what it was made with.
    """
    return Stream(events, on_end=on_end)


class Stream(StreamingResponse):
    """Sends chunks as they come, and a comment whenever there is none for `keep_alive_s`, if any.

    The answer begins with the first of them: what fails before is raised, as if nothing had been
    begun. One task runs `chunks` from beginning to end, since what they hold (HTTP streams, locks)
    may not change tasks.
    """

    def __init__(
        self,
        chunks: AsyncGenerator[bytes, None],
        media_type: str = MEDIA_TYPE,
        keep_alive_s: float | None = KEEP_ALIVE_S,
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(chunks, media_type=media_type, headers=HEADERS)
        self.has_begun = False
        self._chunks = chunks
        self._keep_alive_s = math.inf if keep_alive_s is None else keep_alive_s
        self._sent_at = 0.0
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send all of it, or as much as the client stays for."""
        self._sent_at = time.monotonic()
        try:
            async with (
                while_connected(partial(self._attend, receive, send)),
                aclosing(self._chunks),
            ):
                async for chunk in self._chunks:
                    await self.pass_on(chunk, send)
            await self.pass_on(b"", send, is_last=True)
        except ClientGoneError:
            pass
        finally:
            self._on_end()

    async def pass_on(self, chunk: bytes, send: Send, *, is_last: bool = False) -> None:
        """Send a chunk, and before the first one the head."""
        self._sent_at = time.monotonic()
        if not self.has_begun:
            self.has_begun = True
            head = {"status": self.status_code, "headers": self.raw_headers}
            await send({"type": "http.response.start", **head})
        await send({"type": "http.response.body", "body": chunk, "more_body": not is_last})

    async def _attend(self, receive: Receive, send: Send) -> None:
        """Return when the client has gone; break silences meanwhile."""
        while True:
            silence_s = self._sent_at + self._keep_alive_s - time.monotonic()
            if silence_s <= 0:
                await self.pass_on(KEEP_ALIVE, send)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(silence_s):
                    return await disconnection(receive)

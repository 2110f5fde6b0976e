"""The hub of `GET /v1/events`: what changes in the pool, told to everybody who listens."""

import asyncio
from collections.abc import AsyncGenerator, Callable

from pydantic import BaseModel

from cerebrum_kit.sse import encode

MAX_BEHIND = 64  # events that a listener may lag; then it is dropped, and finds out by connecting


class Hub:
    """Hands each event to each listener; `on_enter` and `on_leave` frame every one of them."""

    def __init__(self, on_enter: Callable[[], None], on_leave: Callable[[], None]) -> None:
        self._listeners: set[asyncio.Queue[bytes | None]] = set()
        self._on_enter = on_enter
        self._on_leave = on_leave
        self._is_closed = False

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return len(self._listeners)

    def publish(self, name: str, event: BaseModel) -> None:
        """Tell everybody; never waits for anybody."""
        if not self._listeners:
            return
        rendered = encode(event, name)
        for listener in list(self._listeners):
            try:
                listener.put_nowait(rendered)
            except asyncio.QueueFull:
                self._drop(listener)

    def close(self) -> None:
        """End all streams at once."""
        self._is_closed = True
        for listener in list(self._listeners):
            self._drop(listener)

    async def listen(self, first: Callable[[], BaseModel]) -> AsyncGenerator[bytes, None]:
        """Yield the whole `state` as it is now, then every event until the stream is ended."""
        if self._is_closed:
            return
        behind: asyncio.Queue[bytes | None] = asyncio.Queue(MAX_BEHIND)
        self._listeners.add(behind)
        self._on_enter()
        try:
            yield encode(first(), "state")
            while (event := await behind.get()) is not None:
                yield event
        finally:
            self._listeners.discard(behind)
            self._on_leave()

    def _drop(self, listener: asyncio.Queue[bytes | None]) -> None:
        self._listeners.discard(listener)
        while not listener.empty():
            listener.get_nowait()
        listener.put_nowait(None)

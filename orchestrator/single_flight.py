"""One generation for all who ask the same at the same time."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing

from orchestrator.life import Event, Events


class Flight:
    """Runs `events` in a task of its own, for as long as somebody follows.

    Whoever comes late gets what was missed first. `on_over` is called when it ends, and as soon as
    nobody follows it any more; it may be called twice.
    """

    def __init__(self, events: Events, on_over: Callable[["Flight"], None]) -> None:
        self._events = events
        self._on_over = on_over
        self._so_far: list[Event] = []
        self._change = asyncio.Event()
        self._failure: Exception | None = None
        self._followers = 0
        self._task = asyncio.create_task(self._run(), name="flight")

    async def follow(self) -> Events:
        """Yield all events from the first; raise what they raise. The last to leave ends it."""
        self._followers += 1
        at = 0
        try:
            while True:
                change, is_over = self._change, self._task.done()
                while at < len(self._so_far):
                    yield self._so_far[at]
                    at += 1
                if is_over:
                    break
                if change is self._change:
                    await change.wait()
            if self._failure is not None:
                raise self._failure
        finally:
            self._followers -= 1
            if not self._followers:
                await self._end()

    async def _run(self) -> None:
        try:
            async with aclosing(self._events) as events:
                async for event in events:
                    self._so_far.append(event)
                    self._tell()
        except Exception as error:
            self._failure = error
        finally:
            self._on_over(self)
            asyncio.get_running_loop().call_soon(self._tell)  # when the task is done

    def _tell(self) -> None:
        told, self._change = self._change, asyncio.Event()
        told.set()

    async def _end(self) -> None:
        self._on_over(self)
        self._task.cancel()
        await asyncio.wait({self._task})

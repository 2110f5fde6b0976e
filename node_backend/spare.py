"""Work for which only idle time is spent: it ends as soon as somebody else needs the machine."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

T = TypeVar("T")


class Spare:
    """Bounds a piece of such work; `ended` is set when it has given everything back."""

    def __init__(self) -> None:
        self.is_over = False
        self.ended = asyncio.Event()
        self._timer: asyncio.Timeout | None = None

    def end(self) -> None:
        """End the work now: what it waits for is cancelled."""
        self.is_over = True
        if self._timer is not None and not self._timer.expired():
            self._timer.reschedule(asyncio.get_running_loop().time())

    async def until_end(self, steps: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
        """Yield `steps` until they are over, or the work has to end; then they are closed."""
        async with aclosing(steps):
            while not self.is_over:
                timer = self._timer = asyncio.timeout(None)
                try:
                    async with timer:
                        step = await anext(steps)
                except StopAsyncIteration:
                    return
                except TimeoutError:
                    if timer.expired():
                        return
                    raise
                finally:
                    self._timer = None
                yield step

"""Who is being waited for: batches look here whether somebody at a keyboard is."""

import asyncio
import contextlib
import math
import time
from collections.abc import Callable
from contextlib import aclosing

from orchestrator.life import Events


class Traffic:
    """Counts interactive requests."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._count = 0
        self._quiet_since = -math.inf
        self._is_quiet = asyncio.Event()
        self._is_quiet.set()
        self._is_busy = asyncio.Event()

    async def counted(self, events: Events) -> Events:
        """Pass the events of an interactive request on."""
        self._enter()
        try:
            async with aclosing(events):
                async for event in events:
                    yield event
        finally:
            self._leave()

    async def quiet(self, settle_s: float) -> None:
        """Wait until nobody has been there for `settle_s`."""
        while True:
            await self._is_quiet.wait()
            left_s = self._quiet_since + settle_s - self._clock()
            if left_s <= 0:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._is_busy.wait()

    async def busy(self) -> None:
        """Wait until somebody is there."""
        await self._is_busy.wait()

    def _enter(self) -> None:
        self._count += 1
        self._is_quiet.clear()
        self._is_busy.set()

    def _leave(self) -> None:
        self._count -= 1
        if not self._count:
            self._quiet_since = self._clock()
            self._is_quiet.set()
            self._is_busy.clear()

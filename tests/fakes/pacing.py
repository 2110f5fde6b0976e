"""How fast a fake node computes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

CHARS_PER_TOKEN = 4


class Pace(Protocol):
    """Awaited before the first piece of an answer, and before each piece."""

    async def prefill(self, prompt_tokens: int) -> None: ...

    async def decode(self) -> None: ...


class Immediate:
    """As fast as the loop goes."""

    async def prefill(self, prompt_tokens: int) -> None:
        await asyncio.sleep(0)

    async def decode(self) -> None:
        await asyncio.sleep(0)


class Rates:
    """A node of known speed, in tokens per second."""

    def __init__(
        self,
        prefill_tokens_per_s: float,
        decode_tokens_per_s: float,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._prefill_tokens_per_s = prefill_tokens_per_s
        self._decode_tokens_per_s = decode_tokens_per_s
        self._sleep = sleep

    async def prefill(self, prompt_tokens: int) -> None:
        await self._sleep(prompt_tokens / self._prefill_tokens_per_s)

    async def decode(self) -> None:
        await self._sleep(1 / self._decode_tokens_per_s)


class Stepped:
    """Goes on only when the test says so: `step(n)` lets `n` pieces out, `finish()` all the rest.

    All requests that are answered with this pace draw from the same steps.
    """

    def __init__(self) -> None:
        self._steps = asyncio.Semaphore(0)
        self._is_finished = False

    def step(self, pieces: int = 1) -> None:
        for _ in range(pieces):
            self._steps.release()

    def finish(self) -> None:
        self._is_finished = True
        self.step(1000)

    async def prefill(self, prompt_tokens: int) -> None:
        await asyncio.sleep(0)

    async def decode(self) -> None:
        if not self._is_finished:
            await self._steps.acquire()

"""Waiting for what another process or a server thread does, which sets no event of ours."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable

PATIENCE_S = 40.0
POLL_S = 0.005


async def until(holds: Callable[[], bool | Awaitable[bool]]) -> None:
    """Return when `holds`; raises TimeoutError after PATIENCE_S."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            answer = holds()
            if await answer if inspect.isawaitable(answer) else answer:
                return
            await asyncio.sleep(POLL_S)

"""How long one request may live: its deadline, and whoever cuts it short."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from cerebrum_kit.errors import CerebrumError
from orchestrator.errors import DeadlineError

T = TypeVar("T")


class Lifetime:
    """Bounds each wait of a request. Times are on the event loop's clock, in seconds."""

    def __init__(self, now: float, deadline_ms: int | None) -> None:
        self.born_at = now
        self.ends_at = None if deadline_ms is None else now + deadline_ms / 1000
        self._reason: CerebrumError = DeadlineError(f"not complete within {deadline_ms} ms")
        self._timer: asyncio.Timeout | None = None

    def end(self, reason: CerebrumError) -> None:
        """End the request now: what it waits for, or its next wait, raises `reason`."""
        self.ends_at = asyncio.get_running_loop().time()
        self._reason = reason
        if self._timer is not None and not self._timer.expired():
            self._timer.reschedule(self.ends_at)

    async def wait(self, work: Awaitable[T], *, until: float | None = None) -> T:
        """Await `work` within the lifetime.

        Raises the reason of the end when the lifetime is over, TimeoutError when only `until` has
        passed.
        """
        bounds = [bound for bound in (self.ends_at, until) if bound is not None]
        try:
            async with asyncio.timeout_at(min(bounds, default=None)) as self._timer:
                return await work
        except TimeoutError:
            if self._came_first(until):
                raise self._reason from None
            raise
        finally:
            self._timer = None

    def _came_first(self, until: float | None) -> bool:
        return self.ends_at is not None and (until is None or self.ends_at <= until)

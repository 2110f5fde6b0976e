"""An event loop that does not wait for what only the time would bring.

While `working` is above zero (something is computed elsewhere), time passes as ever. Otherwise its
clock jumps to the next thing that is due: hours of a recorded session pass in a moment, and what is
computed still takes its own time on the same clock.
"""

import asyncio
import selectors
from typing import Any


class _Selector(selectors.DefaultSelector):
    working = 0
    skipped_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if self.working or timeout is None or timeout <= 0:
            return super().select(timeout)
        if not (events := super().select(0)):
            self.skipped_s += timeout
        return events


class SkippingLoop(asyncio.SelectorEventLoop):
    """The loop; whoever waits for work that is done elsewhere says so in `working`."""

    def __init__(self) -> None:
        self._skipping = _Selector()
        super().__init__(self._skipping)

    def time(self) -> float:
        """Return the seconds on this loop's clock."""
        return super().time() + self._skipping.skipped_s

    def work(self, change: int) -> None:
        """Take note that work elsewhere begins (1) or has ended (-1)."""
        self._skipping.working += change


def skipping_loop() -> SkippingLoop:
    """Return the running loop, which is one that skips."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SkippingLoop)
    return loop

"""The pool's events → what the editor is told; being connected keeps a local pool alive."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace

from cerebrum_kit.backoff import Backoff
from cerebrum_kit.logs import event
from cerebrum_lsp.errors import DaemonError, PoolRefusalError
from cerebrum_lsp.picture import PoolPicture, PoolStatus
from cerebrum_lsp.pool import Pool

BUSY_AFTER_S = 0.15  # what ends sooner would only flicker
KNOCK_EVERY_S = 0.8  # on a pool that runs elsewhere: its return is to be noticed within a second
WORTH_TELLING_S = 2.0  # nobody counts down from less

log = logging.getLogger(__name__)


class StatusWatcher:
    """Follows the pool's events for as long as the daemon runs, and reconnects when they end."""

    def __init__(
        self,
        pool: Pool,
        tell: Callable[[PoolStatus], None],
        backoff: Callable[[], Backoff] = Backoff,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._pool = pool
        self._tell = tell
        self._clock = clock
        self._wall_clock = wall_clock
        self._new_backoff = backoff
        self._backoff = backoff()
        self.picture = PoolPicture()
        self.status = PoolStatus("loading", "loading: looking for the pool")
        self.settled = asyncio.Event()
        """Set while the state is one that the pool, or its absence, has brought about."""

    async def run(self) -> None:
        """Follow the pool until cancelled."""
        while True:
            connected_at = self._clock()
            heard, failure = False, None
            try:
                async for incoming in self._pool.states():
                    heard = True
                    self.picture = self.picture.after(incoming, self._wall_clock())
                    self._update(self.picture.status())
            except DaemonError as error:
                failure = error
            self._backoff.on_end(connected_at, self._clock(), was_ready=heard)
            wait_s = self._backoff.wait_s(self._clock())
            if failure is not None:
                is_long = wait_s >= WORTH_TELLING_S
                retry_at = self._wall_clock() + wait_s if is_long else None
                self._update(_status_after(failure, retry_at))
            await asyncio.sleep(wait_s)

    def start_over(self) -> None:
        """Forget the pool that was; what is found by the next `run` counts."""
        self._backoff = self._new_backoff()
        self.picture = PoolPicture()
        self.settled.clear()

    def _update(self, status: PoolStatus) -> None:
        self.settled.set()
        if status == self.status:
            return
        if status.state != self.status.state:
            log.info(event("pool.state", before=self.status.state, now=status.state))
        self.status = status
        self._tell(status)


def backoff_for(*, is_local: bool) -> Backoff:
    """Return how to come back to a pool that is gone: to start one costs more than to knock."""
    return Backoff() if is_local else Backoff(max_delay_s=KNOCK_EVERY_S)


def _status_after(error: DaemonError, retry_at: float | None) -> PoolStatus:
    is_wrong_key = isinstance(error, PoolRefusalError) and error.reason == "unauthorized"
    state = "unauthorized" if is_wrong_key else "no-node"
    return PoolStatus(state, f"{state}: {error.message}", retry_at=retry_at)


class StatusBar:
    """What the editor's status bar shows: the pool's status, or that it works for us."""

    def __init__(self, tell: Callable[[PoolStatus], None]) -> None:
        self._tell = tell
        self._running = 0
        self._busy_timer: asyncio.TimerHandle | None = None
        self._is_busy = False
        self._pool = PoolStatus("loading", "loading: looking for the pool")

    @property
    def status(self) -> PoolStatus:
        """What is shown now."""
        if self._is_busy and self._pool.state == "ready":
            return replace(self._pool, state="busy", message=f"busy: {self._pool.model or 'pool'}")
        return self._pool

    def show(self, status: PoolStatus) -> None:
        """Take in the pool's status."""
        self._pool = status
        self._tell(self.status)

    def work(self, change: int) -> None:
        """Take note that a generation began (1) or ended (-1)."""
        self._running += change
        if self._running and self._busy_timer is None:
            loop = asyncio.get_running_loop()
            self._busy_timer = loop.call_later(BUSY_AFTER_S, self._set_busy, True)
        elif not self._running and self._busy_timer is not None:
            self._busy_timer.cancel()
            self._busy_timer = None
            if self._is_busy:
                self._set_busy(False)

    def _set_busy(self, is_busy: bool) -> None:
        self._is_busy = is_busy
        if self._pool.state == "ready":
            self._tell(self.status)

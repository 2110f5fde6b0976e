"""Keeps one child process at hand: starts it once for all who ask, notices its end, restarts it."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Literal

from cerebrum_kit.backoff import Backoff
from cerebrum_kit.child import Child, ChildFailedError, ChildSpec
from cerebrum_kit.logs import event

State = Literal["stopped", "starting", "running", "waiting"]

log = logging.getLogger(__name__)


class Supervisor:
    """Owns at most one running child of `spec`.

    `ensure` starts it if need be; from then on it is restarted, with backoff, whenever it ends,
    until `stop`. `on_change` is called after each change of state.
    """

    def __init__(
        self,
        spec: Callable[[], ChildSpec],
        *,
        on_change: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        backoff: Backoff | None = None,
    ) -> None:
        self._spec = spec
        self._on_change = on_change
        self._clock = clock
        self._backoff = backoff or Backoff()
        self._changed = asyncio.Condition()
        self._keeper: asyncio.Task[None] | None = None
        self._error: ChildFailedError | None = None
        self.child: Child | None = None
        self.state: State = "stopped"
        self.restarts_total = 0
        self._has_served = False

    @property
    def error(self) -> ChildFailedError | None:
        """What the last try to start the child failed with; None if it did not."""
        return self._error

    @property
    def failure(self) -> str | None:
        """Why the last try to start the child failed; None if it did not."""
        return self._error.message if self._error is not None else None

    async def ensure(self) -> Child:
        """Return the running child, started if need be; one that had worked and ended is awaited.

        Raises ChildFailedError, with the time of the next try, while the child can't be started.
        """
        if self._keeper is None:
            self._error = None
            self.state = "starting"
            self._keeper = asyncio.create_task(self._keep(), name="supervisor")
        async with self._changed:
            await self._changed.wait_for(lambda: not self._is_coming)
        if self.child is not None and self.state == "running":
            return self.child
        if self._error is not None:
            raise self._with_retry(self._error)
        raise ChildFailedError("it was stopped while it was starting")

    async def stop(self) -> None:
        """End the child, if there is one, and don't restart it until the next `ensure`."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeper
        await self._set("stopped")

    def note_served(self) -> None:
        """Take note that the child has been of use: if it ends, it is started again at once."""
        self._has_served = True

    @property
    def _is_coming(self) -> bool:
        """Whether a child is started, or will be after a pause and without having failed before."""
        return self.state == "starting" or (self.state == "waiting" and self._error is None)

    async def _keep(self) -> None:
        try:
            while True:
                await self._set("starting")
                started_at, self._has_served = self._clock(), False
                was_ready = await self._run_once()
                self.restarts_total += was_ready
                self._backoff.on_end(
                    started_at, self._clock(), was_ready=was_ready, has_served=self._has_served
                )
                if delay_s := self._backoff.wait_s(self._clock()):
                    await self._set("waiting")
                    await asyncio.sleep(delay_s)
        finally:
            child, self.child = self.child, None
            if child is not None:
                await child.stop()

    async def _run_once(self) -> bool:
        """Start the child and wait for its end; return whether it had been ready."""
        try:
            self.child = await Child.start(self._spec())
        except ChildFailedError as error:
            self._error = error
            log.warning(event("child.failed", error=error.message))
            return False
        self._error = None
        await self._set("running")
        status = await self.child.wait()
        ended, self.child = self.child, None
        await self._set("starting")  # at once: whoever asks now waits for the next one
        log.warning(event("child.ended", name=ended.spec.name, pid=ended.pid, status=status))
        await ended.stop()
        return True

    async def _set(self, state: State) -> None:
        async with self._changed:
            self.state = state
            self._changed.notify_all()
        self._on_change()

    def _with_retry(self, error: ChildFailedError) -> ChildFailedError:
        wait_s = self._backoff.wait_s(self._clock())
        return ChildFailedError(error.message, retry_after_s=wait_s, details=error.details)

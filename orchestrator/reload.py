"""Takes over a changed configuration while the service runs: on SIGHUP, and when its file changes.

One that has faults changes nothing, and the log says what they are.
"""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

from cerebrum_kit.errors import CerebrumError
from cerebrum_kit.logs import event
from orchestrator.config import Config
from orchestrator.config_check import check

LOOK_EVERY_S = 1.0  # one `stat`; notifications of the kernel's don't come from network drives
AT_THE_NEXT_START = (
    "host",
    "port",
    "key",
    "local",
    "linger_s",
    "cache_bytes",
    "connect_timeout_s",
    "discover",
)

log = logging.getLogger(__name__)


class Reloader:
    """Watches `file`; `read` returns the whole configuration, and `apply` makes it the present."""

    def __init__(
        self,
        file: Path,
        read: Callable[[], Config],
        apply: Callable[[Config], Awaitable[None]],
    ) -> None:
        self._file = file
        self._read = read
        self._apply = apply
        self._told = asyncio.Event()
        self._seen = _version(file)
        self._config = read()

    async def run(self) -> None:
        """Reload whenever there is a reason to, until cancelled."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self._told.set)
        try:
            while True:
                await self._until_reason()
                await self.reload()
        finally:
            loop.remove_signal_handler(signal.SIGHUP)

    async def reload(self) -> None:
        """Read the configuration again, and apply it unless it has faults."""
        self._seen = _version(self._file)
        faults = check(self._file)
        for fault in faults:
            log.error(event("config.rejected", fault=fault))
        if faults:
            return
        try:
            config = self._read()
        except CerebrumError as error:  # it has changed once more
            log.error(event("config.rejected", fault=error.message))
            return
        for name in AT_THE_NEXT_START:
            if getattr(config, name) != getattr(self._config, name):
                log.warning(event("config.needs_restart", setting=name))
        self._config = config
        await self._apply(config)
        log.info(event("config.reloaded", nodes=len(config.nodes)))

    async def _until_reason(self) -> None:
        while not self._told.is_set() and _version(self._file) == self._seen:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), LOOK_EVERY_S)
        self._told.clear()


def _version(file: Path) -> tuple[int, int, int] | None:
    """Return what differs when a file was written or replaced; None while it isn't there."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino

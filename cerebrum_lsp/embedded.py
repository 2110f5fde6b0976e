"""Finds this user's local orchestrator, or starts one in a process of its own."""

import asyncio
import contextlib
import http.client
import json
import logging
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Protocol

import platformdirs
from pydantic import ValidationError

from cerebrum_kit.lifeline import LIFELINE_ENV
from cerebrum_kit.logs import event
from cerebrum_kit.runtime import UnsafeRuntimeDirError, locked, runtime_dir
from cerebrum_lsp.config import PoolAddress, remote_pool
from cerebrum_lsp.errors import PoolStartError, PoolUnreachableError, SettingsError
from cerebrum_lsp.pool import Addresses
from orchestrator.wire import LocalPool

POOL_FILE = "pool.json"
LOCK_FILE = "pool.lock"
START_TIMEOUT_S = 30.0  # importing everything from a Pi's cold SD card takes that long
PROBE_TIMEOUT_S = 2.0

log = logging.getLogger(__name__)


class PoolAddresses(Addresses, Protocol):
    """Knows where the pool is, whose it is, and how to begin anew."""

    is_local: bool

    async def end(self) -> None:
        """End the pool if it is this user's own: the next `current` starts another."""
        ...


class LocalAddresses:
    """The address of this user's local pool, which is started when nobody has yet."""

    is_local = True

    def __init__(self) -> None:
        self._known: PoolAddress | None = None
        self._looking: asyncio.Task[LocalPool] | None = None

    async def current(self) -> PoolAddress:
        """Return where the pool listens; raises PoolStartError when it can't be started."""
        if self._known is None:
            if self._looking is None:
                # One search for all who ask; a caller that is cancelled must not end it.
                self._looking = asyncio.create_task(asyncio.to_thread(find_or_start))
                self._looking.add_done_callback(self._found)
            pool = await asyncio.shield(self._looking)
            return address_of(pool)
        return self._known

    def forget(self) -> None:
        """Look again at the next request."""
        self._known = None

    async def end(self) -> None:
        """End the pool; other editors that use it find the next one."""
        with contextlib.suppress(UnsafeRuntimeDirError):  # the next `current` says so
            await asyncio.to_thread(lambda: stop(runtime_dir()))
        self.forget()

    def _found(self, search: asyncio.Task[LocalPool]) -> None:
        self._looking = None
        if not search.cancelled() and search.exception() is None:
            self._known = address_of(search.result())


class FixedAddress:
    """The address of a pool that somebody else runs."""

    is_local = False

    def __init__(self, address: PoolAddress) -> None:
        self._address = address

    async def current(self) -> PoolAddress:
        """Return the address."""
        return self._address

    def forget(self) -> None:
        """Nothing to look for: it stays where it is."""

    async def end(self) -> None:
        """Nothing that would be ours to end."""


class NoAddress(FixedAddress):
    """What is configured as the pool's address is none."""

    def __init__(self, error: SettingsError) -> None:
        self._error = error

    async def current(self) -> PoolAddress:
        """Raise what is wrong with it."""
        raise PoolUnreachableError(self._error.message)


def addresses_of(environment: Mapping[str, str]) -> PoolAddresses:
    """Return where the environment says that the pool is; without a word, it is a local one."""
    try:
        address = remote_pool(environment)
    except SettingsError as error:
        return NoAddress(error)
    return FixedAddress(address) if address else LocalAddresses()


def address_of(pool: LocalPool) -> PoolAddress:
    """Return how a local pool is reached."""
    return PoolAddress(url=f"http://127.0.0.1:{pool.port}", key=pool.key)


def find_or_start() -> LocalPool:
    """Return this user's running pool, started if there is none. Blocks.

    Editors that start together wait for one another, and share what the first one started. Raises
    PoolStartError.
    """
    try:
        folder = runtime_dir()
        pool = find(folder)
        if pool is not None:
            return pool
        with locked(folder / LOCK_FILE):
            return find(folder) or _start(folder)
    except (UnsafeRuntimeDirError, OSError) as error:
        raise PoolStartError(f"the local pool can't be started: {error}") from error


def find(folder: Path) -> LocalPool | None:
    """Return the pool that the file in `folder` names, if it is alive and answers to its key."""
    try:
        pool = LocalPool.model_validate_json((folder / POOL_FILE).read_bytes())
    except (OSError, ValidationError):
        return None
    if _answers(pool):
        return pool
    log.info(event("pool.stale_file", pid=pool.pid, port=pool.port))
    return None


def stop(folder: Path) -> bool:
    """End the pool that runs for this user; return whether there was one. Blocks until it is gone.

    Only a process that answers to the key in the file is ended: the file may be old, and its
    process id somebody else's by now.
    """
    pool = find(folder)
    if pool is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pool.pid)
        try:
            os.kill(pool.pid, signal.SIGTERM)
            select.select([descriptor], [], [], START_TIMEOUT_S)
        finally:
            os.close(descriptor)
    return True


def _answers(pool: LocalPool) -> bool:
    """Whether our orchestrator listens there; the key tells it from whoever got its port later."""
    connection = http.client.HTTPConnection("127.0.0.1", pool.port, timeout=PROBE_TIMEOUT_S)
    try:
        connection.request("GET", "/v1/stats", headers={"X-API-Key": pool.key})
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _start(folder: Path) -> LocalPool:
    log_file = Path(platformdirs.user_log_dir("cerebrum")) / "orchestrator.log"
    command = [sys.executable, "-m", "orchestrator", "serve", "--local", "--announce"]
    command += ["--log-file", str(log_file)]
    environment = {name: value for name, value in os.environ.items() if name != LIFELINE_ENV}
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        cwd=folder,  # not the project's folder: it may go away, or hold modules of our names
        start_new_session=True,  # it outlives this editor
    )
    assert process.stdout is not None  # noqa: S101 - asked for as a pipe
    with process.stdout as announcements:
        line = _first_line(announcements)
    if line is None:
        process.kill()
        process.wait()
        raise PoolStartError(
            f"the local pool was not ready within {START_TIMEOUT_S:.0f} s; see {log_file}"
        )
    pool = find(folder) if line else None
    if pool is None:
        raise PoolStartError(f"the local pool ended while it started; see {log_file}")
    log.info(event("pool.started", pid=pool.pid, port=pool.port))
    return pool


def _first_line(pipe: IO[bytes]) -> bytes | None:
    """Return the announcement, b"" if the process ended first, None if it took too long."""
    readable, _, _ = select.select([pipe], [], [], START_TIMEOUT_S)
    if not readable:
        return None
    line = pipe.readline()
    with contextlib.suppress(ValueError):
        json.loads(line)
        return line
    return b""

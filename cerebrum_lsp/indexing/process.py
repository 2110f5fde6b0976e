"""The index process: hears the daemon, watches the disk, and builds in between.

python -m cerebrum_lsp.indexing        started by the daemon, with a socket in CEREBRUM_INDEX_FD
"""

import asyncio
import gc
import json
import logging
import os
import socket
import time
from collections.abc import Coroutine

import watchfiles

from cerebrum_kit import lifeline, logs
from cerebrum_kit.logs import event
from cerebrum_lsp.core.index import IndexLimits
from cerebrum_lsp.indexing.folders import Folders
from cerebrum_lsp.indexing.messages import (
    SOCKET_ENV,
    AskFacts,
    Changed,
    Closed,
    Configure,
    DiskChanged,
    Opened,
    Report,
    Request,
    Retrieve,
    pack,
    receive,
)
from cerebrum_lsp.indexing.service import IndexService

NICENESS = 5  # whoever types goes first, on a single core too
REPORT_INTERVAL_S = 0.1  # oftener nobody can read
PAUSE_S = 1.0  # after the last keystroke; the next one would stop what takes long again
WATCH_DEBOUNCE_MS = 400  # a checkout changes many files at once

log = logging.getLogger(__name__)


class IndexProcess:
    """One connection's life: it ends when the daemon has gone."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._service: IndexService | None = None
        self._work = asyncio.Event()
        self._pause: asyncio.TimerHandle | None = None
        self._background: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until the other end closes."""
        try:
            while True:
                message = await receive(self._reader)
                self._take(message)
                await asyncio.sleep(0)  # what was read at once must not keep all else waiting
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._stop_background()

    def _take(self, message: Request | Report) -> None:
        if isinstance(message, Configure):
            self._configure(message)
            return
        service = self._service
        if service is None:
            return
        match message:
            case Opened():
                service.opened(message)
            case Changed():
                service.changed(message)
                self._catch_up_later(service)
            case Closed():
                service.closed(message)
            case DiskChanged():
                service.disk_changed(message)
            case Retrieve():
                self._send(service.retrieve(message))
            case AskFacts():
                self._send(service.async_facts(message))
        self._work.set()

    def _configure(self, message: Configure) -> None:
        self._stop_background()
        limits = IndexLimits()
        folders = Folders(message.folders, limits.file_bytes)
        service = IndexService(folders, message.encoding, time.process_time, limits)
        self._service = service
        self._work.set()
        self._start(self._build(service))
        if message.watches:
            self._start(self._watch(service, message.folders))

    def _catch_up_later(self, service: IndexService) -> None:
        """Parse in the next pause what could not be parsed at once."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        if service.is_late:
            loop = asyncio.get_running_loop()
            self._pause = loop.call_later(PAUSE_S, self._catch_up, service)

    def _catch_up(self, service: IndexService) -> None:
        service.catch_up()
        self._catch_up_later(service)

    async def _build(self, service: IndexService) -> None:
        """Take in file after file, as they come up; whoever asks is served in between."""
        reported_at = 0.0
        while True:
            await self._work.wait()
            self._work.clear()
            begun, did_work = time.monotonic(), False
            while service.step():
                did_work = True
                if time.monotonic() - reported_at > REPORT_INTERVAL_S:
                    reported_at = time.monotonic()
                    self._send(service.progress)
                await asyncio.sleep(0)
            if did_work:
                gc.freeze()  # what stands now is no garbage: to look through it takes 0.1 s
                self._send(service.progress)
                took_s = time.monotonic() - begun
                log.info(event("index.built", files=len(service.index.sources), took_s=took_s))

    async def _watch(self, service: IndexService, folders: tuple[str, ...]) -> None:
        try:
            async for changes in watchfiles.awatch(
                *folders, debounce=WATCH_DEBOUNCE_MS, ignore_permission_denied=True
            ):
                service.disk_changed(DiskChanged(tuple(sorted({path for _, path in changes}))))
                self._work.set()
        except (OSError, RuntimeError) as error:
            # Out of inotify watches, say: what is saved in the editor is known all the same.
            log.warning(event("index.not_watching", error=type(error).__name__))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _stop_background(self) -> None:
        for task in self._background:
            task.cancel()

    def _send(self, report: Report) -> None:
        self._writer.write(pack(report))


async def serve(descriptor: int) -> None:
    """Serve over an inherited socket until its other end closes."""
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=descriptor))
    print(json.dumps({"pid": os.getpid()}), flush=True)  # noqa: T201 - how a child says it is ready
    try:
        await IndexProcess(reader, writer).run()
    finally:
        writer.close()


def main() -> None:
    """Run until the daemon has gone, however it went."""
    logs.configure()
    os.nice(NICENESS)
    lifeline.watch(lambda: os._exit(0))
    asyncio.run(serve(int(os.environ[SOCKET_ENV])))

"""The daemon's end of the index process: starts it, tells it of documents, asks it for context."""

import asyncio
import contextlib
import itertools
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence

from cerebrum_kit.child import ChildFailedError, ChildSpec
from cerebrum_kit.logs import event
from cerebrum_kit.supervisor import Supervisor
from cerebrum_lsp.core.async_refactor import Facts
from cerebrum_lsp.core.layout import Excerpt
from cerebrum_lsp.indexing.messages import (
    SOCKET_ENV,
    AskFacts,
    Changed,
    Closed,
    Configure,
    DiskChanged,
    KnownFacts,
    Opened,
    Progress,
    Report,
    Request,
    Retrieve,
    Retrieved,
    TextChange,
    pack,
    receive,
)

ARGV = (sys.executable, "-m", "cerebrum_lsp.indexing")
MAX_UNREAD_BYTES = 32_000_000
"""A process that leaves so much unread hangs: it is ended, and started again."""

log = logging.getLogger(__name__)

Texts = Callable[[], Sequence[tuple[str, str]]]
"""Returns the documents that are open: absolute path and text of each."""


class IndexClient:
    """The index of some folders; `start` it once, `close` it at the end.

    Whatever happens to the process, nobody here waits for it: it is restarted, told of the
    documents that are open then, and until it answers there is no context.
    """

    def __init__(
        self, configure: Configure, texts: Texts, on_progress: Callable[[Progress], None]
    ) -> None:
        self._configure = configure
        self._texts = texts
        self._on_progress = on_progress
        self._supervisor = Supervisor(self._spec, on_change=self._on_change)
        self._sockets: tuple[socket.socket, socket.socket] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._starting: asyncio.Task[None] | None = None
        self._connection: asyncio.Task[None] | None = None
        self._waiting: dict[int, asyncio.Future[tuple[Excerpt, ...]]] = {}
        self._asked_facts: dict[int, asyncio.Future[Facts]] = {}
        self._ids = itertools.count(1)
        self._asked: asyncio.Future[tuple[Excerpt, ...]] | None = None

    @property
    def pid(self) -> int | None:
        """The process id, None while it is not running."""
        return self._supervisor.child.pid if self._supervisor.child else None

    def start(self) -> None:
        """Begin; returns at once."""
        self._starting = asyncio.create_task(self._ensure(), name="index process")

    async def close(self) -> None:
        """End the process; returns when it is gone."""
        for task in (self._starting, self._connection):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        await self._supervisor.stop()
        self._close_sockets()

    def reconfigure(self, configure: Configure) -> None:
        """Build anew for other folders."""
        self._configure = configure
        self._introduce()

    def opened(self, path: str, text: str) -> None:
        """Tell of a document that is open now."""
        self._send(Opened(path, text))

    def changed(self, path: str, changes: tuple[TextChange, ...]) -> None:
        """Tell of an edit."""
        self._send(Changed(path, changes))

    def closed(self, path: str) -> None:
        """Tell of a document that is open no more."""
        self._send(Closed(path))

    def disk_changed(self, paths: tuple[str, ...]) -> None:
        """Tell of files that came, changed or went."""
        self._send(DiskChanged(paths))

    async def retrieve(
        self,
        path: str,
        line: int,
        column: int,
        *,
        budget_chars: int,
        shown_chars: int,
        timeout_s: float,
    ) -> tuple[Excerpt, ...] | None:
        """Return excerpts for a place, the best first; None when they are late.

        One question is asked at a time: on a slow machine, whoever types would otherwise ask more
        than can be answered. Callers that have given up are not asked for.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while self._asked is not None and not self._asked.done():
                    await asyncio.wait({self._asked})
                if self._writer is None:
                    return None
                ask = Retrieve(next(self._ids), path, line, column, budget_chars, shown_chars)
                self._asked = asyncio.get_running_loop().create_future()
                self._waiting[ask.id] = self._asked
                self._send(ask)
                return await asyncio.shield(self._asked)
        except TimeoutError:
            return None

    async def async_facts(self, path: str, timeout_s: float) -> Facts:
        """Return what is known of a document's imports; nothing when the answer is late."""
        if self._writer is None:
            return Facts()
        ask = AskFacts(next(self._ids), path)
        answer: asyncio.Future[Facts] = asyncio.get_running_loop().create_future()
        self._asked_facts[ask.id] = answer
        self._send(ask)
        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError:
            return Facts()
        finally:
            self._asked_facts.pop(ask.id, None)

    async def _ensure(self) -> None:
        with contextlib.suppress(ChildFailedError):  # the supervisor has logged it, and goes on
            await self._supervisor.ensure()

    def _spec(self) -> ChildSpec:
        self._close_sockets()
        self._sockets = ours, theirs = socket.socketpair()
        ours.setblocking(False)
        descriptor = theirs.fileno()
        environment = {SOCKET_ENV: str(descriptor)}
        return ChildSpec("index", ARGV, environment, pass_fds=(descriptor,))

    def _on_change(self) -> None:
        if self._supervisor.state == "running" and self._sockets is not None:
            ours, theirs = self._sockets
            self._sockets = None
            theirs.close()
            self._connection = asyncio.create_task(self._converse(ours), name="index")

    def _close_sockets(self) -> None:
        for each in self._sockets or ():
            each.close()
        self._sockets = None

    async def _converse(self, connection: socket.socket) -> None:
        """Hear what one process has to say, until it ends."""
        reader, writer = await asyncio.open_connection(sock=connection)
        self._writer = writer
        self._introduce()
        try:
            while True:
                self._hear(await receive(reader))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # it has ended: the supervisor sees to that
        finally:
            self._writer = None
            writer.close()
            for answer in self._waiting.values():
                answer.set_result(())
            self._waiting.clear()
            for known in self._asked_facts.values():
                if not known.done():
                    known.set_result(Facts())
            self._asked_facts.clear()

    def _introduce(self) -> None:
        self._send(self._configure)
        for path, text in self._texts():
            self._send(Opened(path, text))

    def _hear(self, message: Request | Report) -> None:
        if isinstance(message, Progress):
            self._on_progress(message)
        elif isinstance(message, Retrieved):
            self._waiting.pop(message.id).set_result(message.excerpts)
        elif isinstance(message, KnownFacts):
            known = self._asked_facts.pop(message.id, None)
            if known is not None and not known.done():
                known.set_result(message.facts)

    def _send(self, message: Request) -> None:
        """Send what there is somebody to hear; who comes later is told of all that is open."""
        if self._writer is None:
            return
        self._writer.write(pack(message))
        if self._writer.transport.get_write_buffer_size() > MAX_UNREAD_BYTES and self.pid:
            log.warning(event("index.hangs", pid=self.pid))
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

"""How messages reach the server and leave it: standard input and output, or one TCP connection.

pygls reads through a thread pool, three hand-overs a message, and waits for its threads at the
end. Here the event loop reads, and the end waits for nobody.
"""

import asyncio
import logging
import os
import stat
import sys
import threading
from collections.abc import Coroutine
from typing import Any, BinaryIO, Protocol

from cerebrum_kit.logs import event
from cerebrum_lsp.core.framing import Framing
from cerebrum_lsp.server import CerebrumServer

CHUNK_BYTES = 65_536
TURN_S = 0.005  # so long messages are handled in a row before other things get their turn
CLOSE_WITHIN_S = 0.6  # who has gone expects us to be gone within a second

log = logging.getLogger(__name__)


class Reader(Protocol):
    """Where bytes come from."""

    async def read(self, n: int) -> bytes:
        """Return at most `n` bytes, none at the end."""
        ...


def serve_stdio(server: CerebrumServer) -> int:
    """Serve one editor until it ends the session or lets go; return the exit status.

    That is 0 only if the client has asked to shut down, as the protocol wants it.
    """
    return _run(_serve_stdio(server))


def serve_tcp(server: CerebrumServer, host: str, port: int) -> int:
    """Serve one editor that connects to `host:port`, until it ends the session or lets go."""
    return _run(_serve_tcp(server, host, port))


async def pump(server: CerebrumServer, reader: Reader) -> None:
    """Handle what comes until the other side lets go; SystemExit is raised at its request."""
    framing, protocol = Framing(), server.protocol
    loop = asyncio.get_running_loop()
    while data := await reader.read(CHUNK_BYTES):
        framing.feed(data)
        turn_ends_at = loop.time() + TURN_S
        while (body := framing.next()) is not None:
            protocol.receive(body)
            if loop.time() >= turn_ends_at:
                await asyncio.sleep(0)
                turn_ends_at = loop.time() + TURN_S


def _run(session: Coroutine[Any, Any, int]) -> int:
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(session)
    except KeyboardInterrupt:
        return 1
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else 1


async def _serve_stdio(server: CerebrumServer) -> int:
    output = Output(sys.stdout.buffer)
    server.protocol.set_writer(output)
    reader = await _stdin(sys.stdin.buffer)
    return await _session(server, reader, output.broken)


async def _serve_tcp(server: CerebrumServer, host: str, port: int) -> int:
    connections: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    listener = await asyncio.start_server(
        lambda reader, writer: connections.put_nowait((reader, writer)), host, port
    )
    port = listener.sockets[0].getsockname()[1]
    log.warning(event("tcp.listening", host=host, port=port))
    reader, writer = await connections.get()
    listener.close()  # one editor a daemon
    server.protocol.set_writer(Connection(writer))
    return await _session(server, reader, asyncio.Event())


async def _session(server: CerebrumServer, reader: Reader, broken: asyncio.Event) -> int:
    pumping = asyncio.ensure_future(pump(server, reader))
    breaking = asyncio.ensure_future(broken.wait())
    try:
        await asyncio.wait({pumping, breaking}, return_when=asyncio.FIRST_COMPLETED)
        if pumping.done():
            pumping.result()
    finally:
        breaking.cancel()
        pumping.cancel()
        try:
            await asyncio.wait_for(server.close(), CLOSE_WITHIN_S)
        except TimeoutError:
            log.info(event("close.too_slow"))
    return 0 if server.protocol.is_shut_down else 1


class Output:
    """Standard output; `broken` is set when nobody reads it any more."""

    def __init__(self, stdout: BinaryIO) -> None:
        self._stdout = stdout
        self.broken = asyncio.Event()

    def write(self, data: bytes) -> None:
        """Write all of it, now."""
        try:
            self._stdout.write(data)
            self._stdout.flush()
        except (OSError, ValueError):
            self.broken.set()

    def close(self) -> None:
        """Leave it open: the process ends next."""


class Connection:
    """A TCP connection as something to write to; what the client does not read is buffered."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    def write(self, data: bytes) -> None:
        """Send it as soon as possible."""
        self._writer.write(data)

    def close(self) -> None:
        """End the connection."""
        self._writer.close()


async def _stdin(stdin: BinaryIO) -> Reader:
    """Return standard input to be read by the event loop.

    A pipe's end is made non-blocking for that. Where it would make our output non-blocking too (a
    terminal, one socket for both), or can't be done (a file), a thread reads.
    """
    mode = os.fstat(stdin.fileno())
    is_shared = os.path.samestat(mode, os.fstat(sys.stdout.fileno()))
    reader = asyncio.StreamReader(limit=CHUNK_BYTES)
    loop = asyncio.get_running_loop()
    if not is_shared and (stat.S_ISFIFO(mode.st_mode) or stat.S_ISSOCK(mode.st_mode)):
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), stdin)
        return reader
    return ThreadReader(stdin.fileno())


class ThreadReader:
    """Reads a descriptor in a thread of its own, which ends with the process."""

    def __init__(self, descriptor: int) -> None:
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue()
        self._room = threading.Semaphore(4)
        loop = asyncio.get_running_loop()

        def read() -> None:
            data = b"-"
            while data:
                self._room.acquire()
                try:
                    data = os.read(descriptor, CHUNK_BYTES)
                except OSError:
                    data = b""
                loop.call_soon_threadsafe(self._chunks.put_nowait, data)

        threading.Thread(target=read, name="stdin", daemon=True).start()

    async def read(self, _: int) -> bytes:
        """Return what was read next."""
        data = await self._chunks.get()
        self._room.release()
        return data

"""HTTP connections of our own, for where milliseconds count; HTTP itself is httptools' affair.

Between the other side's bytes and their reader stands nothing but the parser, and a request leaves
in one piece. A general client library has a dozen layers there, and after a pause the processor
must fetch each of them from memory: they were a third of what an orchestrator added to a first
token (`benchmarks/overhead.py`).
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable
from ssl import SSLContext, create_default_context
from typing import NamedTuple, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

KEPT_S = 60.0  # a router on the way may have forgotten an older one, and would not say so
MOST_AHEAD_BYTES = 262_144  # that the other side may be ahead of whoever reads its answer
FIRST_FINAL_STATUS = 200  # what is below announces another answer


class HttpError(Exception):
    """The connection broke, or what came over it was no HTTP."""


class NotConnectedError(HttpError):
    """There was no connection in the first place."""


class StaleError(HttpError):
    """The other side had closed a kept connection before it took the request."""


class Connection(asyncio.Protocol):
    """Requests, one after the other, and the answer to the last one: `status`, `headers`, body.

    asyncio calls `connection_…` and `data_received`; httptools calls `on_…`.
    """

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)
        self._news = asyncio.Event()
        self._error: HttpError | None = None
        self._is_used = False
        self._idle_since = 0.0
        self._begin()

    def _begin(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self._pieces: list[bytes] = []
        self._ahead_bytes = 0
        self._is_heard = self._has_head = self._is_over = self._keeps = False

    @property
    def is_alive(self) -> bool:
        """Whether a kept connection is still good, as far as one can know."""
        return self._error is None and time.monotonic() - self._idle_since < KEPT_S

    @property
    def is_reusable(self) -> bool:
        """Whether the answer has come to its end, and another one may follow."""
        return self._is_over and self._keeps and self._error is None

    async def ask(self, request: bytes) -> None:
        """Send a request; return when the head of its answer is there.

        Raises StaleError if it can be sent once more over another connection.
        """
        was_used, self._is_used = self._is_used, True
        self._begin()
        try:
            self._transport.write(request)
            while not self._has_head:
                await self._more()
        except BaseException as error:
            self.close()
            if isinstance(error, HttpError) and was_used and not self._is_heard:
                raise StaleError(str(error)) from error
            raise

    async def read(self) -> bytes:
        """Return what has come of the body since the last time; nothing is its end."""
        while not self._pieces and not self._is_over:
            await self._more()
        if self._ahead_bytes > MOST_AHEAD_BYTES:
            self._transport.resume_reading()
        piece = b"".join(self._pieces)
        self._pieces.clear()
        self._ahead_bytes = 0
        return piece

    async def rest(self) -> bytes:
        """Return the body from here to its end."""
        pieces = []
        while piece := await self.read():
            pieces.append(piece)
        return b"".join(pieces)

    def close(self) -> None:
        """Let go at once: who works for this connection is to notice now."""
        self._transport.abort()

    async def _more(self) -> None:
        """Wait until something has come. Raises HttpError if nothing will."""
        if self._error is not None:
            raise self._error
        self._news.clear()
        await self._news.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take in what has come. Between two answers, that is none: a farewell, probably."""
        if self._is_over or not self._is_used:
            self.close()
            return
        self._is_heard = True
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self._error = HttpError(f"what came is no HTTP: {error}")
            self.close()
        if self._ahead_bytes > MOST_AHEAD_BYTES:
            self._transport.pause_reading()
        self._news.set()

    def connection_lost(self, error: Exception | None) -> None:
        """Take note of the end, which ends a body that has no other end."""
        is_bounded = {"content-length", "transfer-encoding"} & self.headers.keys()
        if self._has_head and not is_bounded:
            self._is_over = True
        self._error = self._error or HttpError(str(error or "it was closed in the middle"))
        self._news.set()

    def on_message_begin(self) -> None:
        """Take note of an answer that nobody asked for: the other side takes its leave."""
        if self._is_over:
            self._keeps = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take in a header."""
        if not self._is_over:
            self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Take note that the head is there."""
        if not self._is_over:
            self.status = self._parser.get_status_code()
            self._has_head = self.status >= FIRST_FINAL_STATUS
            self._keeps = self._parser.should_keep_alive()

    def on_body(self, piece: bytes) -> None:
        """Take in a piece of the body."""
        if not self._is_over:
            self._pieces.append(piece)
            self._ahead_bytes += len(piece)

    def on_message_complete(self) -> None:
        """Take note of the end."""
        if self._has_head:
            self._is_over, self._idle_since = True, time.monotonic()


class Origin(NamedTuple):
    """Where connections lead to."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, scheme: str, host: str, port: int | None) -> "Origin":
        """Return an origin, with the scheme's own port where none is named."""
        return cls(scheme, host, port or (443 if scheme == "https" else 80))


class Connections:
    """Connections to any number of origins, kept for the next request. Never through a proxy.

    `tls` returns what is trusted; it is asked at the first connection that wants it.
    """

    def __init__(
        self, most_kept: int, tls: Callable[[], SSLContext] = create_default_context
    ) -> None:
        """Keep at most `most_kept` connections to each origin."""
        self._most_kept = most_kept
        self._kept: dict[Origin, list[Connection]] = {}
        self.trust(tls)

    def trust(self, tls: Callable[[], SSLContext]) -> None:
        """Let something else be trusted, for all connections to come."""
        self._make_tls = tls
        self._tls: SSLContext | None = None

    async def ask(
        self, origin: Origin, request: bytes, connect_timeout_s: float | None
    ) -> Connection:
        """Return a connection on which the head of the answer has come. Raises HttpError.

        One that was kept may have been closed meanwhile: the request then goes over another one.
        Who asks gives it back.
        """
        while (kept := self._take(origin)) is not None:
            with contextlib.suppress(StaleError):
                await kept.ask(request)
                return kept
        connection = await self._connect(origin, connect_timeout_s)
        await connection.ask(request)
        return connection

    def give_back(self, origin: Origin, connection: Connection) -> None:
        """Keep a connection whose answer has been read; close one that is left before its end."""
        kept = self._kept.setdefault(origin, [])
        if connection.is_reusable and len(kept) < self._most_kept:
            kept.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        """Close the connections that are kept."""
        for kept in self._kept.values():
            for connection in kept:
                connection.close()
        self._kept.clear()

    def _take(self, origin: Origin) -> Connection | None:
        """Return the connection that was used last, of those that still live."""
        kept = self._kept.get(origin, [])
        while kept:
            connection = kept.pop()
            if connection.is_alive:
                return connection
            connection.close()
        return None

    async def _connect(self, origin: Origin, timeout_s: float | None) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            tls = self._context() if origin.scheme == "https" else None
            async with asyncio.timeout(timeout_s):
                _, connection = await loop.create_connection(
                    Connection, origin.host, origin.port, ssl=tls
                )
        except TimeoutError:
            raise NotConnectedError("no answer") from None
        except (OSError, ValueError) as error:  # a name may be none
            raise NotConnectedError(str(error)) from error
        return connection

    def _context(self) -> SSLContext:
        if self._tls is None:
            self._tls = self._make_tls()
        return self._tls


def request_bytes(
    method: str, target: str, headers: Iterable[tuple[str, str]], content: bytes
) -> bytes:
    """Return a request as it goes over the wire, head and body in one piece, its length told.

    Raises NotConnectedError for what would be another request than the one that is meant.
    """
    lines = [
        f"{method} {target} HTTP/1.1",
        *(f"{name}: {value}" for name, value in headers),
        f"Content-Length: {len(content)}",
    ]
    if any("\r" in line or "\n" in line for line in lines):
        raise NotConnectedError("its address or its key has a line break in it")
    return "\r\n".join([*lines, "\r\n"]).encode("latin-1", "replace") + content

"""One HTTP connection to a node; HTTP itself is httptools' affair.

Between a node's bytes and their reader stands nothing but the parser. A general client library has
a dozen layers there, and after a pause the processor must fetch each of them from memory: they were
a third of what an orchestrator added to a first token (`benchmarks/overhead.py`).
"""

import asyncio
import time
from typing import cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

KEPT_S = 60.0  # a router on the way may have forgotten an older one, and would not say so
MOST_AHEAD_BYTES = 262_144  # that a node may be ahead of whoever reads its answer
FIRST_FINAL_STATUS = 200  # what is below announces another answer


class HttpError(Exception):
    """The connection broke, or what came over it was no HTTP."""


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
        """Let go at once: a node that works for this connection is to notice now."""
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

"""An httpx transport over asyncio's own streams: a request leaves in one piece, and soon.

httpx's usual one sends head and body apart, through two more layers, and takes several turns of the
event loop for each. Between a key and its completion on a fast pool that is half of all the time.
HTTP itself is h11's affair.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from ssl import SSLContext, create_default_context

import h11
import httpx

CHUNK_BYTES = 65_536
MAX_IDLE = 8  # connections kept for the next request: an editor has few documents on the go

Origin = tuple[str, str, int]


class DirectTransport(httpx.AsyncBaseTransport):
    """Sends requests over connections of its own, which are used again while they live."""

    def __init__(self) -> None:
        self._idle: list[Connection] = []
        self._tls: SSLContext | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; return its response when the head has come, the body still to come.

        A connection that was kept may have been closed meanwhile: the request is then sent over a
        new one. Raises httpx's errors.
        """
        body = await request.aread()
        while (kept := self._take(_origin(request.url))) is not None:
            with contextlib.suppress(StaleError):
                return await self._exchange(kept, request, body)
        return await self._exchange(await self._connect(request), request, body)

    async def aclose(self) -> None:
        """Close the connections that are kept."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    async def _exchange(
        self, connection: "Connection", request: httpx.Request, body: bytes
    ) -> httpx.Response:
        try:
            head = await connection.ask(request, body)
        except BaseException:
            connection.close()
            raise
        return httpx.Response(
            head.status_code, headers=head.headers.raw_items(), stream=Body(self, connection)
        )

    def keep(self, connection: "Connection") -> None:
        """Take back a connection whose response has been read to its end."""
        if connection.can_go_on() and len(self._idle) < MAX_IDLE:
            self._idle.append(connection)
        else:
            connection.close()

    def _take(self, origin: Origin) -> "Connection | None":
        for connection in self._idle:
            if connection.origin == origin:
                self._idle.remove(connection)
                return connection
        return None

    async def _connect(self, request: httpx.Request) -> "Connection":
        origin = _origin(request.url)
        scheme, host, port = origin
        if scheme == "https" and self._tls is None:
            self._tls = create_default_context()
        tls = self._tls if scheme == "https" else None
        try:
            async with asyncio.timeout(_timeout(request, "connect")):
                reader, writer = await asyncio.open_connection(host, port, ssl=tls)
        except TimeoutError as error:
            raise httpx.ConnectTimeout("no connection in time", request=request) from error
        except OSError as error:
            raise httpx.ConnectError(str(error), request=request) from error
        return Connection(origin, reader, writer)


class StaleError(Exception):
    """A connection that was kept had been closed by the other side."""


class Connection:
    """One connection, and the HTTP that is spoken over it."""

    def __init__(
        self, origin: Origin, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.origin = origin
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT)
        self._request: httpx.Request | None = None
        self._is_used = False

    async def ask(self, request: httpx.Request, body: bytes) -> h11.Response:
        """Send a request; return the head of its response."""
        self._request = request
        was_used, self._is_used = self._is_used, True
        target = request.url.raw_path
        head = h11.Request(method=request.method, target=target, headers=request.headers.raw)
        parts = [self._http.send(head), self._http.send(h11.Data(body)) if body else b""]
        parts.append(self._http.send(h11.EndOfMessage()))
        self._writer.write(b"".join(part for part in parts if part))
        while True:
            event = await self._next(may_be_stale=was_used)
            if isinstance(event, h11.Response):
                return event

    async def body(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes."""
        while not isinstance(event := await self._next(), h11.EndOfMessage):
            if isinstance(event, h11.Data):
                yield bytes(event.data)

    def can_go_on(self) -> bool:
        """Prepare for the next request; return whether there can be one."""
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        return not (self._reader.at_eof() or self._writer.is_closing())

    def close(self) -> None:
        """Let go, at once: what the other side still does is for nobody."""
        self._writer.close()

    async def _next(self, *, may_be_stale: bool = False) -> object:
        assert self._request is not None  # noqa: S101 - asked before anything is read
        timeout_s = _timeout(self._request, "read")
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                async with asyncio.timeout(timeout_s):
                    data = await self._reader.read(CHUNK_BYTES)
                if not data and may_be_stale:
                    raise StaleError
                self._http.receive_data(data)
                may_be_stale = False
        except TimeoutError as error:
            raise httpx.ReadTimeout("nothing came in time", request=self._request) from error
        except OSError as error:
            if may_be_stale:
                raise StaleError from error
            raise httpx.ReadError(str(error), request=self._request) from error
        except h11.RemoteProtocolError as error:
            raise httpx.RemoteProtocolError(str(error), request=self._request) from error
        return event


class Body(httpx.AsyncByteStream):
    """The body of a response; to close it before its end closes the connection."""

    def __init__(self, transport: DirectTransport, connection: Connection) -> None:
        self._transport = transport
        self._connection: Connection | None = connection

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield what comes."""
        if self._connection is not None:
            async for piece in self._connection.body():
                yield piece
            connection, self._connection = self._connection, None
            self._transport.keep(connection)

    async def aclose(self) -> None:
        """End it: a response that goes on is given up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _origin(url: httpx.URL) -> Origin:
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)


def _timeout(request: httpx.Request, kind: str) -> float | None:
    seconds: float | None = request.extensions.get("timeout", {}).get(kind)
    return seconds

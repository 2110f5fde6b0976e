"""HTTP to the nodes: httpcore's connection pool over asyncio's own streams.

A request leaves in one piece. httpcore writes head and body one after the other, and on small
machines each system call counts: this, and what a client library does beside, was most of what an
orchestrator added to a first token (`benchmarks/overhead.py`).
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpcore

KEEP_ALIVE_CONNECTIONS = 64  # as many streams as one orchestrator is asked to carry
KEEP_ALIVE_S = 5.0  # below what the usual servers wait before they close an idle connection
# What may go wrong with a connection; the first two mean that there was none.
NOT_CONNECTED = (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.UnsupportedProtocol)
HTTP_ERRORS = (
    *NOT_CONNECTED,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.TimeoutException,
)


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    status: int
    body: bytes


class NodeHttp:
    """One pool of connections for all nodes; never through a proxy: they are the owner's machines.

    Its methods raise HTTP_ERRORS.
    """

    def __init__(self, connect_timeout_s: float) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            max_connections=None,
            max_keepalive_connections=KEEP_ALIVE_CONNECTIONS,
            keepalive_expiry=KEEP_ALIVE_S,
            network_backend=_Backend(connect_timeout_s),
        )

    async def get(self, url: str, headers: Mapping[str, str]) -> Answer:
        """Ask for something small."""
        response = await self._pool.request("GET", url, headers=[*headers.items()])
        return Answer(response.status, response.content)

    @asynccontextmanager
    async def post(
        self, url: str, headers: Mapping[str, str], content: bytes
    ) -> AsyncIterator[httpcore.Response]:
        """Post `content`, and hand out the answer when its head is there."""
        async with self._pool.stream(
            "POST", url, headers=[*headers.items()], content=content
        ) as response:
            yield response

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()


class _Backend(httpcore.AsyncNetworkBackend):
    def __init__(self, connect_timeout_s: float) -> None:
        self._connect_timeout_s = connect_timeout_s

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                return _Stream(*(await asyncio.open_connection(host, port)))
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("no answer") from error
        except (OSError, OverflowError) as error:  # a port may be no port
            raise httpcore.ConnectError(str(error)) from error


class _Stream(httpcore.AsyncNetworkStream):
    """A connection; what is written leaves when an answer is awaited."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._unsent: list[bytes] = []

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        if self._unsent:
            self._writer.write(b"".join(self._unsent))
            self._unsent.clear()
        try:
            return await self._reader.read(max_bytes)
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        if self._writer.is_closing():
            raise httpcore.WriteError("the connection is closed")
        self._unsent.append(buffer)

    async def aclose(self) -> None:
        # At once: a node that works for this connection is to notice now.
        self._writer.transport.abort()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        try:
            await self._writer.start_tls(ssl_context, server_hostname=server_hostname)
        except (OSError, ssl.SSLError) as error:
            raise httpcore.ConnectError(str(error)) from error
        return self

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":  # of an idle connection: whether the other side has closed it
            return self._reader.at_eof() or self._writer.is_closing()
        return self._writer.get_extra_info(info)

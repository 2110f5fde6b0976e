"""An httpx transport over connections of our own: a request leaves in one piece, and soon.

httpx's usual one sends head and body apart, through two more layers, and takes several turns of the
event loop for each. Between a key and its completion on a fast pool that is half of all the time.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import TypeVar

import httpx

from cerebrum_kit.connection import (
    Connection,
    Connections,
    HttpError,
    NotConnectedError,
    Origin,
    request_bytes,
)

MAX_IDLE = 8  # connections kept for the next request: an editor has few documents on the go

T = TypeVar("T")


class DirectTransport(httpx.AsyncBaseTransport):
    """Sends requests over connections that are used again while they live."""

    def __init__(self) -> None:
        self._connections = Connections(MAX_IDLE)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; return its response when the head has come, the body still to come.

        Raises httpx's errors.
        """
        content = await request.aread()
        origin = _origin(request.url)
        connection = await _in_time(request, self._ask(origin, request, content))
        body = Body(request, self._connections, origin, connection)
        headers = list(connection.headers.items())
        return httpx.Response(connection.status, headers=headers, stream=body)

    async def _ask(self, origin: Origin, request: httpx.Request, content: bytes) -> Connection:
        whole = _bytes(request, content)
        return await self._connections.ask(origin, whole, _timeout(request, "connect"))

    async def aclose(self) -> None:
        """Close the connections that are kept."""
        self._connections.close()


class Body(httpx.AsyncByteStream):
    """The body of a response; to close it before its end closes the connection."""

    def __init__(
        self,
        request: httpx.Request,
        connections: Connections,
        origin: Origin,
        connection: Connection,
    ) -> None:
        self._request = request
        self._connections = connections
        self._origin = origin
        self._connection: Connection | None = connection

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield what comes. Raises httpx's errors."""
        while self._connection and (
            piece := await _in_time(self._request, self._connection.read())
        ):
            yield piece

    async def aclose(self) -> None:
        """End it: a response that goes on is given up."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._connections.give_back(self._origin, connection)


async def _in_time(request: httpx.Request, awaited: Awaitable[T]) -> T:
    """Return what is awaited, with a connection's errors as httpx's."""
    try:
        async with asyncio.timeout(_timeout(request, "read")):
            return await awaited
    except TimeoutError as error:
        raise httpx.ReadTimeout("nothing came in time", request=request) from error
    except NotConnectedError as error:
        raise httpx.ConnectError(str(error), request=request) from error
    except HttpError as error:
        raise httpx.RemoteProtocolError(str(error), request=request) from error


def _bytes(request: httpx.Request, content: bytes) -> bytes:
    """Return a request in one piece, whose length is known whatever it was made from."""
    framing = {"content-length", "transfer-encoding"}
    headers = [each for each in request.headers.multi_items() if each[0] not in framing]
    return request_bytes(request.method, request.url.raw_path.decode("ascii"), headers, content)


def _origin(url: httpx.URL) -> Origin:
    return Origin.of(url.scheme, url.host, url.port)


def _timeout(request: httpx.Request, kind: str) -> float | None:
    seconds: float | None = request.extensions.get("timeout", {}).get(kind)
    return seconds

"""HTTP to the nodes: one connection pool for all of them, each connection as in `connection.py`."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLCertVerificationError, SSLContext, create_default_context
from urllib.parse import SplitResult, urlsplit

from orchestrator.connection import Connection, HttpError, StaleError

KEPT_PER_NODE = 64  # as many streams as one orchestrator is asked to carry


class NotConnectedError(HttpError):
    """There was no connection in the first place."""


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    status: int
    body: bytes


class NodeHttp:
    """Asks nodes, and never through a proxy: they are the owner's machines.

    The certificates in the PEM file `ca` vouch for nodes, beside those that the system trusts.
    """

    def __init__(self, connect_timeout_s: float, ca: Path | None = None) -> None:
        self._connect_timeout_s = connect_timeout_s
        self._kept: dict[str, list[Connection]] = {}
        self.trust(ca)

    def trust(self, ca: Path | None) -> None:
        """Let `ca` vouch for nodes, for all connections to come."""
        self._ca = ca
        self._tls: SSLContext | None = None

    async def get(self, url: str, headers: Mapping[str, str]) -> Answer:
        """Ask for something small. Raises HttpError."""
        async with self._exchange("GET", url, headers, b"") as response:
            return Answer(response.status, await response.rest())

    @asynccontextmanager
    async def post(
        self, url: str, headers: Mapping[str, str], content: bytes
    ) -> AsyncIterator[Connection]:
        """Post `content`, and hand out the answer when its head is there.

        To leave it before its end closes the connection: a node that works for it notices. Raises
        HttpError.
        """
        async with self._exchange("POST", url, headers, content) as response:
            yield response

    def close(self) -> None:
        """Close the connections that are kept."""
        for kept in self._kept.values():
            for connection in kept:
                connection.close()
        self._kept.clear()

    @asynccontextmanager
    async def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes
    ) -> AsyncIterator[Connection]:
        to = _parsed(url)
        request = _request(method, to, headers, content)
        connection = await self._asked(to, request)
        try:
            yield connection
        finally:
            kept = self._kept.setdefault(_origin(to), [])
            if connection.is_reusable and len(kept) < KEPT_PER_NODE:
                kept.append(connection)
            else:
                connection.close()

    async def _asked(self, to: SplitResult, request: bytes) -> Connection:
        """Return a connection on which the head of the answer has come.

        One that was kept may have been closed meanwhile: the request then goes over another one.
        """
        while (kept := self._take(to)) is not None:
            with contextlib.suppress(StaleError):
                await kept.ask(request)
                return kept
        connection = await self._connect(to)
        await connection.ask(request)
        return connection

    def _take(self, to: SplitResult) -> Connection | None:
        """Return the connection that was used last, of those that still live."""
        kept = self._kept.get(_origin(to), [])
        while kept:
            connection = kept.pop()
            if connection.is_alive:
                return connection
            connection.close()
        return None

    async def _connect(self, to: SplitResult) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            tls = self._tls_context() if to.scheme == "https" else None
            host, port = to.hostname or "", to.port or (443 if tls else 80)
            async with asyncio.timeout(self._connect_timeout_s):
                _, connection = await loop.create_connection(Connection, host, port, ssl=tls)
        except TimeoutError:
            raise NotConnectedError("no answer") from None
        except SSLCertVerificationError as error:
            raise NotConnectedError(
                f"nobody who is trusted vouches for its certificate ({error.verify_message}); "
                "`node_ca` names a file of those who do"
            ) from error
        except (OSError, ValueError) as error:  # a port or a name may be none
            raise NotConnectedError(str(error)) from error
        return connection

    def _tls_context(self) -> SSLContext:
        if self._tls is None:
            self._tls = create_default_context()
            if self._ca is not None:
                self._tls.load_verify_locations(self._ca)
        return self._tls


def _parsed(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:  # an address may be none
        raise NotConnectedError(str(error)) from error


def _origin(to: SplitResult) -> str:
    return f"{to.scheme}://{to.netloc}"


def _request(method: str, to: SplitResult, headers: Mapping[str, str], content: bytes) -> bytes:
    """Return a request as it goes over the wire, head and body in one piece."""
    lines = [
        f"{method} {to.path or '/'} HTTP/1.1",
        f"Host: {to.netloc.rpartition('@')[2]}",
        f"Content-Length: {len(content)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    if any("\r" in line or "\n" in line for line in lines):
        raise NotConnectedError("its address or its key has a line break in it")
    return "\r\n".join([*lines, "\r\n"]).encode("latin-1", "replace") + content

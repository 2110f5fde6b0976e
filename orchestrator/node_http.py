"""HTTP to the nodes: one pool of connections for all of them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLCertVerificationError, SSLContext, create_default_context
from urllib.parse import SplitResult, urlsplit

from cerebrum_kit.connection import (
    Connection,
    Connections,
    NotConnectedError,
    Origin,
    request_bytes,
)

KEPT_PER_NODE = 64  # as many streams as one orchestrator is asked to carry


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
        self._connections = Connections(KEPT_PER_NODE)
        self.trust(ca)

    def trust(self, ca: Path | None) -> None:
        """Let `ca` vouch for nodes, for all connections to come."""

        def trusted() -> SSLContext:
            tls = create_default_context()
            if ca is not None:
                tls.load_verify_locations(ca)
            return tls

        self._connections.trust(trusted)

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
        self._connections.close()

    @asynccontextmanager
    async def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes
    ) -> AsyncIterator[Connection]:
        to, origin = _parsed(url)
        request = _request(method, to, headers, content)
        connection = await self._asked(origin, request)
        try:
            yield connection
        finally:
            self._connections.give_back(origin, connection)

    async def _asked(self, origin: Origin, request: bytes) -> Connection:
        try:
            return await self._connections.ask(origin, request, self._connect_timeout_s)
        except NotConnectedError as error:
            if isinstance(error.__cause__, SSLCertVerificationError):
                raise NotConnectedError(
                    "nobody who is trusted vouches for its certificate "
                    f"({error.__cause__.verify_message}); `node_ca` names a file of those who do"
                ) from error
            raise


def _parsed(url: str) -> tuple[SplitResult, Origin]:
    try:
        to = urlsplit(url)
        return to, Origin.of(to.scheme, to.hostname or "", to.port)
    except ValueError as error:  # an address may be none, or its port
        raise NotConnectedError(str(error)) from error


def _request(method: str, to: SplitResult, headers: Mapping[str, str], content: bytes) -> bytes:
    all_headers = {"Host": to.netloc.rpartition("@")[2], **headers}
    return request_bytes(method, to.path or "/", all_headers.items(), content)

"""HTTP to nodes, against servers that say exactly what they are told to, on real sockets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from cerebrum_kit.connection import MOST_AHEAD_BYTES, HttpError, NotConnectedError
from orchestrator.node_http import NodeHttp

WAIT_S = 15.0
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

Script = Callable[["Server", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Server:
    """Runs `script` for each connection."""

    script: Script
    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def request(self, reader: asyncio.StreamReader) -> bytes:
        """Return the next request; raises when the client has closed."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
        self.requests.append(head + await reader.readexactly(length))
        self.asked.set()
        return self.requests[-1]


@asynccontextmanager
async def serving(script: Script) -> AsyncIterator[tuple[Server, NodeHttp]]:
    server = Server(script)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        try:
            await script(server, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            server.gone.set()
        finally:
            writer.close()

    listener = await asyncio.start_server(connected, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    http = NodeHttp(connect_timeout_s=WAIT_S)
    try:
        async with asyncio.timeout(WAIT_S):
            yield server, http
    finally:
        http.close()
        listener.close()


def always(*answers: bytes) -> Script:
    """Answer each request with the next of `answers`, the last one again and again."""

    async def script(
        server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        left = list(answers)
        while True:
            await server.request(reader)
            writer.write(left.pop(0) if len(left) > 1 else left[0])

    return script


def once(answer: bytes) -> Script:
    """Answer one request on each connection, and close it."""

    async def script(
        server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await server.request(reader)
        writer.write(answer)

    return script


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (OK, 200, b"hello"),
        (b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", 404, b""),
        (CHUNKED + b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", 200, b"hello"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"hello"),
        (b"HTTP/1.1 503 Unavailable\r\n\r\nuntil the end", 503, b"until the end"),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, b"until the end"),
    ],
)
async def test_answers_are_understood(answer: bytes, status: int, body: bytes) -> None:
    async with serving(once(answer)) as (server, http):
        told = await http.get(f"{server.url}/health", {"X-API-Key": "secret"})
    assert (told.status, told.body) == (status, body)
    assert server.requests[0].startswith(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nX-API-Key: secret\r\n" in server.requests[0]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"220 smtp.example.com ready\r\n",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        CHUNKED + b"3\r\nhel\r\n",
        CHUNKED + b"zzz\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    ],
)
async def test_what_is_no_whole_answer_is_an_error(answer: bytes) -> None:
    async with serving(once(answer)) as (server, http):
        with pytest.raises(HttpError):
            await http.get(server.url, {})


async def test_what_came_before_a_cut_is_read_before_the_error() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"
    async with serving(once(answer)) as (server, http), http.post(server.url, {}, b"") as response:
        assert await response.read() == b"hello"
        with pytest.raises(HttpError):
            await response.read()


async def test_a_connection_is_used_again() -> None:
    async with serving(always(OK)) as (server, http):
        for _ in range(3):
            async with http.post(server.url, {}, b"{}") as response:
                assert await response.rest() == b"hello"
    assert (server.connections, len(server.requests)) == (1, 3)


async def test_requests_at_the_same_time_have_connections_of_their_own() -> None:
    async with serving(always(OK)) as (server, http):
        async with http.post(server.url, {}, b"1") as one, http.post(server.url, {}, b"2") as two:
            assert (await one.rest(), await two.rest()) == (b"hello", b"hello")
        await asyncio.gather(http.get(server.url, {}), http.get(server.url, {}))
    assert server.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
        OK.replace(b"1.1", b"1.0"),
        OK + b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_a_connection_that_has_said_goodbye_is_not_used_again(answer: bytes) -> None:
    async with serving(always(answer)) as (server, http):
        for _ in range(2):
            assert (await http.get(server.url, {})).body == b"hello"
    assert server.connections == 2


async def test_a_request_that_met_a_closed_connection_goes_over_another_one() -> None:
    async def script(
        server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await server.request(reader)
        writer.write(OK)
        await reader.read(1)  # the second request has left, and nobody takes it

    async with serving(script) as (server, http):
        for _ in range(3):
            assert (await http.get(server.url, {})).body == b"hello"
    assert server.connections == 3


async def test_a_request_that_a_new_connection_does_not_answer_is_not_sent_twice() -> None:
    async with serving(once(b"")) as (server, http):
        with pytest.raises(HttpError):
            await http.get(server.url, {})
    assert server.connections == 1


async def test_to_leave_an_answer_closes_its_connection_at_once() -> None:
    async with serving(always(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello")) as (
        server,
        http,
    ):
        async with http.post(server.url, {}, b"{}") as response:
            assert await response.read() == b"hello"
        await server.gone.wait()


async def test_to_be_cancelled_before_the_head_closes_the_connection_at_once() -> None:
    async with serving(always(b"")) as (server, http):
        asking = asyncio.create_task(http.get(server.url, {}))
        await server.asked.wait()
        asking.cancel()
        await server.gone.wait()


async def test_a_node_waits_for_a_reader_that_is_slow() -> None:
    size = 100 * MOST_AHEAD_BYTES
    sent = asyncio.Event()

    async def script(
        server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await server.request(reader)
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
        for _ in range(100):
            writer.write(b"x" * MOST_AHEAD_BYTES)
            await writer.drain()
        sent.set()
        await reader.read()

    async with serving(script) as (server, http):
        async with http.post(server.url, {}, b"{}") as response:
            read_bytes = len(await response.read())
            await asyncio.sleep(0.05)
            assert not sent.is_set()
            while piece := await response.read():
                assert len(piece) < 10 * MOST_AHEAD_BYTES
                read_bytes += len(piece)
        assert read_bytes == size


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("http://127.0.0.1:1", {}),
        ("http://127.0.0.1:99999", {}),
        ("http://127.0.0.1:port", {}),
        ("http://[::1", {}),
        ("http://no.such.host.invalid:9000", {}),
        ("http://ü" + "x" * 70 + ".invalid:9000", {}),
        ("http://127.0.0.1:1", {"X-API-Key": "secret\r\nHost: elsewhere"}),
    ],
)
async def test_where_nothing_can_be_reached_says_so(url: str, headers: dict[str, str]) -> None:
    http = NodeHttp(connect_timeout_s=WAIT_S)
    with pytest.raises(NotConnectedError) as error:
        await http.get(url, headers)
    assert "secret" not in str(error.value)

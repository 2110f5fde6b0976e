"""HTTP over connections of our own, against servers that behave well and badly."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest

from cerebrum_lsp.direct import DirectTransport

WAIT_S = 15.0
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
UNFRAMED = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"

Behaviour = Callable[["Server", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Answers each request of each connection by a behaviour."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.connections = 0
        self.bodies: list[bytes] = []
        self.lost = asyncio.Event()
        self.url = ""

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                self.bodies.append(await reader.readexactly(length))
                await self.behaviour(self, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.lost.set()
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            writer.close()


@contextlib.asynccontextmanager
async def serving(behaviour: Behaviour) -> AsyncIterator[tuple[Server, httpx.AsyncClient]]:
    server = Server(behaviour)
    listener = await asyncio.start_server(server.connected, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/path"
    timeout = httpx.Timeout(WAIT_S)
    async with listener, httpx.AsyncClient(transport=DirectTransport(), timeout=timeout) as client:
        yield server, client


def answers(data: bytes, *, closes: bool = False) -> Behaviour:
    async def behave(_: Server, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        if closes:
            raise ConnectionError

    return behave


@pytest.mark.parametrize("data", [WHOLE, CHUNKED])
async def test_a_connection_serves_one_request_after_the_other(data: bytes) -> None:
    async with serving(answers(data)) as (server, client):
        for number in range(3):
            answer = await client.post(server.url, content=f"body {number}")
            assert (answer.status_code, answer.text) == (200, "hello")
        assert server.connections == 1
        assert server.bodies == [b"body 0", b"body 1", b"body 2"]


async def test_a_body_that_ends_with_its_connection() -> None:
    async with serving(answers(UNFRAMED, closes=True)) as (server, client):
        for _ in range(2):
            assert (await client.post(server.url, content="x")).text == "hello"
        assert server.connections == 2


async def test_a_kept_connection_that_was_closed_meanwhile_is_replaced() -> None:
    async with serving(answers(WHOLE, closes=True)) as (server, client):
        for _ in range(3):
            assert (await client.post(server.url, content="x")).text == "hello"
        assert server.connections == 3


async def test_requests_side_by_side_have_connections_of_their_own() -> None:
    gate = asyncio.Event()

    async def wait(server: Server, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(server.bodies) == 2:
            gate.set()
        await gate.wait()
        writer.write(WHOLE)

    async with serving(wait) as (server, client):
        both = [client.post(server.url, content="x") for _ in range(2)]
        answered = await asyncio.wait_for(asyncio.gather(*both), WAIT_S)
        assert [answer.text for answer in answered] == ["hello", "hello"]
        assert server.connections == 2


async def test_a_stream_that_is_given_up_closes_its_connection() -> None:
    async with serving(answers(CHUNKED[:-10])) as (server, client):
        async with client.stream("POST", server.url, content="x") as response:
            async for piece in response.aiter_bytes():
                assert piece
                break
        await asyncio.wait_for(server.lost.wait(), WAIT_S)


async def test_a_request_that_is_cancelled_closes_its_connection() -> None:
    asked = asyncio.Event()

    async def hang(_: Server, reader: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.readexactly(1)

    async with serving(hang) as (server, client):
        request = asyncio.create_task(client.post(server.url, content="x"))
        await asyncio.wait_for(asked.wait(), WAIT_S)
        request.cancel()
        await asyncio.wait_for(server.lost.wait(), WAIT_S)


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        pytest.param(answers(b"", closes=True), httpx.RemoteProtocolError, id="no answer"),
        pytest.param(answers(CHUNKED[:-10], closes=True), httpx.RemoteProtocolError, id="cut"),
        pytest.param(answers(b"SSH-2.0\r\n\r\n"), httpx.RemoteProtocolError, id="no HTTP"),
    ],
)
async def test_what_is_no_answer_is_an_error(
    behaviour: Behaviour, error: type[httpx.HTTPError]
) -> None:
    async with serving(behaviour) as (server, client):
        with pytest.raises(error):
            await client.post(server.url, content="x")


async def test_silence_is_an_error_after_its_time() -> None:
    async def hang(_: Server, reader: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)

    async with serving(hang) as (server, client):
        with pytest.raises(httpx.ReadTimeout):
            await client.post(server.url, content="x", timeout=httpx.Timeout(WAIT_S, read=0.05))


async def test_nobody_there_is_an_error() -> None:
    async with httpx.AsyncClient(transport=DirectTransport()) as client:
        with pytest.raises(httpx.ConnectError):
            await client.post("http://127.0.0.1:1/", content="x")

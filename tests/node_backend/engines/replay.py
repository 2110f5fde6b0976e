"""A server on loopback that answers what was recorded, and notes what it was asked.

It knows no protocol but HTTP: each path has a list of replies, of which the last one stays. Those
requests that ask for no stream may have a list of their own, under "PATH unstreamed".
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

PATIENCE_S = 30.0


@dataclass(frozen=True)
class Reply:
    """One answer. After `pieces` the stream ends as HTTP wants, or the connection is cut."""

    pieces: Sequence[str] = ()
    status: int = 200
    media_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    is_cut: bool = False
    is_held: bool = False
    """Whether the stream stays open after `pieces`, until the client goes."""


def whole(body: object, status: int = 200, **headers: str) -> Reply:
    return Reply([json.dumps(body)], status, headers=headers)


def lines(*objects: object, **options: bool) -> Reply:
    """Return a stream of objects, one a line."""
    pieces = [json.dumps(each, ensure_ascii=False) + "\n" for each in objects]
    return Reply(pieces, media_type="application/x-ndjson", **options)  # type: ignore[arg-type]


def events(*objects: object, is_done: bool = True, **options: bool) -> Reply:
    """Return a stream of server-sent events, as OpenAI ends it."""
    pieces = [f"data: {json.dumps(each, ensure_ascii=False)}\n\n" for each in objects]
    ending = ["data: [DONE]\n\n"] if is_done else []
    return Reply([*pieces, *ending], media_type="text/event-stream", **options)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    path: str
    headers: dict[str, str]
    body: Any


class Replay:
    """The running server: `replies` may change at any time."""

    def __init__(self, replies: dict[str, list[Reply]]) -> None:
        self.replies = {path: list(each) for path, each in replies.items()}
        self.asked: list[Asked] = []
        self.left = asyncio.Event()
        """Set when a client has gone during a reply."""
        self.port = 0
        self.connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def bodies(self, path: str) -> list[Any]:
        """Return the bodies of all requests to `path`."""
        return [each.body for each in self.asked if each.path == path]

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Begin to serve a connection."""
        task = asyncio.create_task(self.answer(reader, writer))
        self.connections[task] = writer
        task.add_done_callback(self.connections.pop)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        try:
            while request := await _read(reader):
                self.asked.append(request)
                reply = self._reply_to(request)
                await self._send(reply, reader, writer)
                if reply.is_cut:
                    writer.transport.abort()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has gone
        finally:
            writer.close()

    def _reply_to(self, request: Asked) -> Reply:
        is_streamed = isinstance(request.body, dict) and request.body.get("stream") is True
        missing = [whole({"error": "no such path"}, 404)]
        known = self.replies.get(request.path, missing)
        if not is_streamed:
            known = self.replies.get(f"{request.path} unstreamed", known)
        return known.pop(0) if len(known) > 1 else known[0]

    async def _send(
        self, reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        fields = {"Content-Type": reply.media_type, "Transfer-Encoding": "chunked", **reply.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        writer.write(f"HTTP/1.1 {reply.status} Recorded\r\n{head}\r\n".encode())
        for piece in reply.pieces:
            content = piece.encode()
            writer.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
            await writer.drain()
        if reply.is_held:
            with contextlib.suppress(ConnectionError):
                await reader.read(1)  # only the client's going ends this
            self.left.set()
        elif not reply.is_cut:
            writer.write(b"0\r\n\r\n")
            await writer.drain()


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    head = await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b""
    if not head:
        return None
    first, *rest = head.decode().split("\r\n")
    headers = {
        name.lower(): value for name, _, value in (line.partition(": ") for line in rest if line)
    }
    content = await reader.readexactly(int(headers.get("content-length", 0)))
    return Asked(first.split()[1], headers, json.loads(content) if content else None)


@contextlib.asynccontextmanager
async def replaying(replies: dict[str, list[Reply]]) -> AsyncIterator[Replay]:
    """Run a server with these replies on a free port."""
    replay = Replay(replies)
    server = await asyncio.start_server(replay.connected, "127.0.0.1", 0)
    replay.port = server.sockets[0].getsockname()[1]
    try:
        yield replay
    finally:
        server.close()
        for writer in replay.connections.values():
            writer.transport.abort()
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*replay.connections, return_exceptions=True)
            await server.wait_closed()

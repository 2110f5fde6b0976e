"""A pool that answers at once, with as little as the wire allows: what is left is the daemon."""

import asyncio
import json

ROUTE = {"request_id": "r", "node": "instant", "model": "instant", "reason": "the only one"}
TOKEN = {"token": "answer()", "total_tokens": 1}
DONE = {
    "done": True,
    "finish_reason": "stop",
    "model": "instant",
    "node": "instant",
    "usage": {"completion_tokens": 1},
    "timings": {"first_token_ms": 0.0},
    "node_timings": {"first_token_ms": 0.0},
}
NODE = {"name": "instant", "url": "", "state": "ready", "model": "instant"}
STATE = {"accepting": True, "nodes": [NODE]}


def event(data: object, name: str | None = None) -> bytes:
    """Return one server-sent event."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data)}\n\n".encode()


ANSWER = event(ROUTE, "route") + event(TOKEN) + event(DONE)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"


class InstantPool:
    """Serves on loopback for as long as the context lasts; `url` is where."""

    def __init__(self) -> None:
        self.requests = 0
        self.url = ""
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> "InstantPool":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await self._answer(head, reader, writer)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass  # the client has gone, or we are going
        finally:
            self._connections.discard(task)
            writer.close()

    async def _answer(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if head.startswith(b"GET /v1/events"):
            writer.write(HEAD + b"\r\n" + event(STATE, "state"))
            await writer.drain()
            await reader.read()  # until the client goes
            return
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-len")]
        await reader.readexactly(int(lengths[0].split(b":")[1]))
        self.requests += 1
        writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % len(ANSWER) + ANSWER)
        await writer.drain()

"""The least HTTP client: one connection, one request at a time, and a clock that costs nothing.

What is measured here is single milliseconds of a service; a client library would add as much.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit


@dataclass
class Answer:
    """What came back, and when: seconds from the request to the head, the first token, the end.

    `ended_s` is for those who measure from another beginning.
    """

    status: int = 0
    head_s: float = 0.0
    first_token_s: float | None = None
    total_s: float = 0.0
    ended_s: float = 0.0
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Connection:
    """A connection that is kept; `ask` sends one request and reads its whole answer."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in headers.items())

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def _open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)

    async def get(self, path: str) -> Answer:
        """Get `path`."""
        return await self._ask("GET", path, b"")

    async def ask(self, path: str, body: object) -> Answer:
        """Post `body` as JSON."""
        return await self._ask("POST", path, json.dumps(body).encode())

    async def _ask(self, method: str, path: str, content: bytes) -> Answer:
        """Send a request; the server may have closed the connection when it was idle."""
        if self._reader.at_eof():
            await self._open()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: application/json\r\n"
            f"{self._headers}Content-Length: {len(content)}\r\n\r\n"
        )
        begun, answer = time.perf_counter(), Answer()
        self._writer.write(head.encode() + content)
        await self._read_head(answer)
        answer.head_s = time.perf_counter() - begun
        pieces = []
        async for piece in self._body(answer.headers):
            if answer.first_token_s is None and b'"token"' in piece:
                answer.first_token_s = time.perf_counter() - begun
            pieces.append(piece)
        answer.body, answer.total_s = b"".join(pieces), time.perf_counter() - begun
        return answer

    async def _read_head(self, answer: Answer) -> None:
        status, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        answer.status = int(status.split(" ")[1])
        for line in lines:
            name, _, value = line.partition(":")
            answer.headers[name.lower()] = value.strip()

    async def _body(self, headers: Mapping[str, str]) -> AsyncIterator[bytes]:
        if "content-length" in headers:
            yield await self._reader.readexactly(int(headers["content-length"]))
            return
        while size := int((await self._reader.readline()).strip(), 16):
            yield (await self._reader.readexactly(size + 2))[:-2]
        await self._reader.readline()

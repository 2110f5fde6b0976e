"""The response that streams events: what it was made with is always given back."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
from starlette.types import Message

from cerebrum_kit.sse import event_stream

SCOPE = {"type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}}


class Client:
    """An ASGI client that leaves when told, and may refuse to read."""

    def __init__(self) -> None:
        self.left = asyncio.Event()
        self.reads = asyncio.Event()
        self.reads.set()
        self.body = b""

    async def receive(self) -> Message:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        await self.reads.wait()
        self.body += message.get("body", b"")


class Source:
    """Events that say whether they were begun and closed."""

    def __init__(self) -> None:
        self.is_begun = asyncio.Event()
        self.closed = asyncio.Event()

    async def events(self, *, endless: bool) -> AsyncGenerator[bytes, None]:
        self.is_begun.set()
        try:
            yield b"event"
            if endless:
                await asyncio.Event().wait()
        finally:
            self.closed.set()


async def test_what_was_streamed_is_given_back_at_its_end() -> None:
    client, source, ended = Client(), Source(), asyncio.Event()
    response = event_stream(source.events(endless=False), on_end=ended.set)
    await response(SCOPE, client.receive, client.send)
    assert client.body == b"event"
    assert source.closed.is_set()
    assert ended.is_set()


@pytest.mark.parametrize("reads", [True, False])
async def test_a_client_that_leaves_ends_it_whether_it_reads_or_not(*, reads: bool) -> None:
    client, source, ended = Client(), Source(), asyncio.Event()
    if not reads:
        client.reads.clear()
    response = event_stream(source.events(endless=True), on_end=ended.set)
    serving = asyncio.create_task(response(SCOPE, client.receive, client.send))
    if reads:
        await source.is_begun.wait()
    client.left.set()
    await serving
    assert source.closed.is_set() == source.is_begun.is_set()
    assert ended.is_set()


async def test_a_client_that_left_before_the_first_event_ends_it_too() -> None:
    client, source, ended = Client(), Source(), asyncio.Event()
    client.left.set()
    response = event_stream(source.events(endless=True), on_end=ended.set)
    await response(SCOPE, client.receive, client.send)
    assert ended.is_set()

"""The response that streams events: what it was made with is always given back."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
from starlette.types import Message

from cerebrum_kit.sse import KEEP_ALIVE, Stream, event_stream

SCOPE = {"type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}}


class Client:
    """An ASGI client that leaves when told, and may refuse to read."""

    def __init__(self) -> None:
        self.left = asyncio.Event()
        self.reads = asyncio.Event()
        self.reads.set()
        self.body = b""
        self.heads = 0
        self.is_complete = False

    async def receive(self) -> Message:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        await self.reads.wait()
        self.body += message.get("body", b"")
        self.heads += message["type"] == "http.response.start"
        self.is_complete = message.get("more_body") is False


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


async def test_a_silent_stream_begins_and_is_kept_alive() -> None:
    client, go_on = Client(), asyncio.Event()

    async def events() -> AsyncGenerator[bytes, None]:
        await go_on.wait()
        yield b"event"

    async def send(message: Message) -> None:
        await client.send(message)
        if KEEP_ALIVE * 2 in client.body:
            go_on.set()

    await Stream(events(), keep_alive_s=0.001)(SCOPE, client.receive, send)
    assert client.body.replace(KEEP_ALIVE, b"") == b"event"
    assert (client.heads, client.is_complete) == (1, True)


async def test_what_fails_before_the_first_event_is_raised_as_if_nothing_was_begun() -> None:
    client = Client()

    async def events() -> AsyncGenerator[bytes, None]:
        if not client.is_complete:
            raise ValueError("broken")
        yield b"never"

    with pytest.raises(ValueError, match="broken"):
        await event_stream(events())(SCOPE, client.receive, client.send)
    assert client.heads == 0


async def test_what_fails_later_is_raised_after_what_came_before_it() -> None:
    client = Client()

    async def events() -> AsyncGenerator[bytes, None]:
        yield b"event"
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await event_stream(events())(SCOPE, client.receive, client.send)
    assert client.body == b"event"
    assert not client.is_complete


async def test_a_source_cleans_up_to_the_end_when_its_client_has_left() -> None:
    client, cleaned_up = Client(), asyncio.Event()

    async def events() -> AsyncGenerator[bytes, None]:
        try:
            yield b"event"
            client.left.set()
            await asyncio.Event().wait()
        finally:
            for _ in range(5):  # a connection that is closed needs several turns of the loop
                await asyncio.sleep(0)
            cleaned_up.set()

    await event_stream(events())(SCOPE, client.receive, client.send)
    assert cleaned_up.is_set()


async def test_one_task_runs_a_source_from_its_beginning_to_its_end() -> None:
    client = Client()
    tasks = []

    async def events() -> AsyncGenerator[bytes, None]:
        try:
            for _ in range(3):
                tasks.append(asyncio.current_task())
                yield b"event"
            client.left.set()
            await asyncio.Event().wait()
        finally:
            tasks.append(asyncio.current_task())

    await event_stream(events())(SCOPE, client.receive, client.send)
    assert set(tasks) == {asyncio.current_task()}
    assert len(tasks) == 4

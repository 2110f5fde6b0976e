import asyncio
from collections.abc import AsyncGenerator

import anyio
import pytest

from cerebrum_kit.sse import with_keep_alive


async def test_source_cleans_up_to_the_end_when_cancellation_strikes_at_every_await() -> None:
    """As Starlette's does when the client of a stream goes away."""
    cleaned_up = asyncio.Event()

    async def events() -> AsyncGenerator[bytes, None]:
        try:
            yield b"first"
            await asyncio.Event().wait()
        finally:
            for _ in range(5):  # a connection that is closed needs several turns of the loop
                await asyncio.sleep(0)
            cleaned_up.set()

    stream = with_keep_alive(events())
    async with anyio.create_task_group() as group:

        async def read() -> None:
            async for _ in stream:
                pass

        group.start_soon(read)
        await anyio.lowlevel.checkpoint()
        await asyncio.sleep(0.01)
        group.cancel_scope.cancel()
    assert cleaned_up.is_set()


async def test_failure_is_raised_after_what_came_before_it_even_when_nobody_was_reading() -> None:
    async def events() -> AsyncGenerator[bytes, None]:
        yield b"first"
        yield b"second"
        raise RuntimeError("broken")

    stream = with_keep_alive(events(), interval_s=60.0)
    seen = [await anext(stream)]
    await asyncio.sleep(0.01)  # the source runs ahead of the reader, to its end
    seen.append(await anext(stream))
    with pytest.raises(RuntimeError, match="broken"):
        await asyncio.wait_for(anext(stream), 5)
    assert seen == [b"first", b"second"]

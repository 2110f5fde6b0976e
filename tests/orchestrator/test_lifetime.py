"""How long a request may wait for anything."""

import asyncio

import pytest

from orchestrator.errors import DeadlineError, ShuttingDownError
from orchestrator.lifetime import Lifetime


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_what_comes_in_time_is_returned() -> None:
    ready = asyncio.get_running_loop().create_future()
    ready.set_result("here")
    assert await Lifetime(now(), deadline_ms=10_000).wait(ready) == "here"


async def test_deadline_is_raised_and_the_wait_is_cancelled() -> None:
    awaited = asyncio.get_running_loop().create_future()
    with pytest.raises(DeadlineError):
        await Lifetime(now(), deadline_ms=1).wait(awaited)
    assert awaited.cancelled()


@pytest.mark.parametrize(("deadline_ms", "error"), [(None, TimeoutError), (1, DeadlineError)])
async def test_whichever_bound_comes_first_is_told(
    deadline_ms: int | None, error: type[Exception]
) -> None:
    lifetime = Lifetime(now(), deadline_ms)
    with pytest.raises(error):
        await lifetime.wait(asyncio.Event().wait(), until=now() + 0.01)


async def test_one_who_ends_it_wakes_the_wait_and_every_later_one() -> None:
    lifetime = Lifetime(now(), deadline_ms=None)
    waiting = asyncio.create_task(lifetime.wait(asyncio.Event().wait(), until=now() + 60))
    await asyncio.sleep(0)
    lifetime.end(ShuttingDownError("over"))
    for _ in range(2):
        with pytest.raises(ShuttingDownError, match="over"):
            await waiting
        waiting = asyncio.create_task(lifetime.wait(asyncio.Event().wait()))
    with pytest.raises(ShuttingDownError):
        await waiting

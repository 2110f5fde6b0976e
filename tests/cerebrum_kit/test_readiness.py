"""Children that announce themselves too early, and what a supervisor makes of their ends."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import pytest

from cerebrum_kit.backoff import Backoff
from cerebrum_kit.child import Child, ChildFailedError, ChildSpec
from cerebrum_kit.supervisor import Supervisor

READY = "import sys, json; print(json.dumps({'port': 7}), flush=True);"
WAITS = READY + "sys.stdin.read()"
ENDS_AFTER_ANNOUNCING = READY + "print('no such model', file=sys.stderr); sys.exit(3)"

Readiness = Callable[[Mapping[str, object]], Awaitable[None]]


def spec(code: str, until_ready: Readiness, ready_timeout_s: float = 30.0) -> ChildSpec:
    argv = [sys.executable, "-S", "-c", code]
    return ChildSpec("child", argv, ready_timeout_s=ready_timeout_s, until_ready=until_ready)


async def for_ever(_: Mapping[str, object]) -> None:
    await asyncio.Event().wait()


async def test_a_child_is_ready_when_its_readiness_says_so() -> None:
    announced: list[Mapping[str, object]] = []

    async def until_ready(facts: Mapping[str, object]) -> None:
        announced.append(facts)

    child = await Child.start(spec(WAITS, until_ready))
    assert announced == [{"port": 7}]
    await child.stop()


async def test_a_child_that_ends_before_it_is_ready_says_why() -> None:
    with pytest.raises(ChildFailedError, match="status 3 before it was ready: no such model"):
        await Child.start(spec(ENDS_AFTER_ANNOUNCING, for_ever))


async def test_readiness_has_a_limit() -> None:
    with pytest.raises(ChildFailedError, match="not ready within"):
        await Child.start(spec(WAITS, for_ever, ready_timeout_s=0.3))


async def test_readiness_that_fails_is_the_failure() -> None:
    async def until_ready(_: Mapping[str, object]) -> None:
        raise ChildFailedError("it speaks another language")

    with pytest.raises(ChildFailedError, match="another language"):
        await Child.start(spec(WAITS, until_ready))


@contextlib.asynccontextmanager
async def supervised(until_ready: Readiness) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(
        lambda: spec(WAITS, until_ready), backoff=Backoff(first_delay_s=0.01, max_delay_s=0.02)
    )
    try:
        yield supervisor
    finally:
        await supervisor.stop()


async def at_once(_: Mapping[str, object]) -> None:
    pass


async def test_who_asks_after_the_end_of_a_child_that_worked_gets_the_next_one() -> None:
    """However often it ends: a pause before the next start is no failure to start."""
    async with supervised(at_once) as supervisor:
        pids = set()
        for _ in range(4):
            child = await supervisor.ensure()
            pids.add(child.pid)
            os.kill(child.pid, signal.SIGKILL)
            await child.wait()
        assert len(pids) == 4
        assert supervisor.failure is None


async def test_a_child_that_was_of_use_is_started_again_at_once_however_often_it_ends() -> None:
    async def hurried() -> None:
        for _ in range(8):
            child = await supervisor.ensure()
            supervisor.note_served()
            os.kill(child.pid, signal.SIGKILL)
            await child.wait()
        await supervisor.ensure()

    backoff = Backoff(first_delay_s=1000.0, max_delay_s=1000.0)
    supervisor = Supervisor(lambda: spec(WAITS, at_once), backoff=backoff)
    try:
        await asyncio.wait_for(hurried(), 30)
    finally:
        await supervisor.stop()


async def test_who_asks_while_it_cannot_be_started_is_told_why() -> None:
    async def until_ready(_: Mapping[str, object]) -> None:
        raise ChildFailedError("broken")

    async with supervised(until_ready) as supervisor:
        with pytest.raises(ChildFailedError, match="broken") as failure:
            await supervisor.ensure()
        assert failure.value.retry_after_s is not None
        assert supervisor.failure == "broken"

"""Children and their supervisor, on real processes that do as little as a process can."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable

import pytest

from cerebrum_kit.backoff import Backoff
from cerebrum_kit.child import Child, ChildFailedError, ChildSpec
from cerebrum_kit.supervisor import Supervisor

READY = "import sys, json; print(json.dumps({'port': 1}), flush=True);"
UNTIL_END_OF_INPUT = READY + "sys.stdin.read()"
IGNORES_EVERYTHING = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + READY + "time.sleep(99)"
)
NEVER_READY = "import sys; sys.stdin.read()"
FAILS = "import sys; print('no such model', file=sys.stderr); sys.exit(3)"


def spec(code: str, **changes: float) -> ChildSpec:
    return ChildSpec("child", [sys.executable, "-S", "-c", code], **changes)  # type: ignore[arg-type]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Watched(Supervisor):
    """A supervisor whose changes of state a test can await."""

    def __init__(self, make_spec: Callable[[], ChildSpec]) -> None:
        self.states: asyncio.Queue[str] = asyncio.Queue()
        super().__init__(
            make_spec,
            on_change=lambda: self.states.put_nowait(self.state),
            backoff=Backoff(first_delay_s=0.01, max_delay_s=0.02),
        )

    async def until(self, state: str) -> None:
        """Wait for the next change to `state`."""
        async with asyncio.timeout(10):
            while await self.states.get() != state:
                pass


@contextlib.asynccontextmanager
async def supervised(make_spec: Callable[[], ChildSpec]) -> AsyncIterator[Watched]:
    supervisor = Watched(make_spec)
    try:
        yield supervisor
    finally:
        await supervisor.stop()


async def test_a_child_is_handed_over_with_what_it_announced() -> None:
    child = await Child.start(spec(UNTIL_END_OF_INPUT))
    assert child.announced == {"port": 1}
    assert child.is_running
    await child.stop()
    assert not child.is_running


async def test_a_child_inherits_the_descriptors_that_are_passed_to_it() -> None:
    reading, writing = os.pipe()
    write = f"import os; os.write({writing}, b'here');" + UNTIL_END_OF_INPUT
    argv = [sys.executable, "-S", "-c", write]
    child = await Child.start(ChildSpec("child", argv, pass_fds=(writing,)))
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert pipe.read(4) == b"here"
    await child.stop()


async def test_a_child_that_ignores_every_request_is_killed() -> None:
    child = await Child.start(spec(IGNORES_EVERYTHING, grace_s=0.05))
    await child.stop()
    assert await child.wait() == -signal.SIGKILL


async def test_a_child_that_fails_says_why() -> None:
    with pytest.raises(ChildFailedError, match="status 3") as failure:
        await Child.start(spec(FAILS))
    assert failure.value.details == {"last_words": ["no such model"]}


async def test_a_child_that_is_never_ready_is_ended() -> None:
    with pytest.raises(ChildFailedError, match="not ready within"):
        await Child.start(spec(NEVER_READY, ready_timeout_s=0.05))


async def test_a_program_that_does_not_exist_is_a_failure_like_others() -> None:
    with pytest.raises(ChildFailedError, match="can't start"):
        await Child.start(ChildSpec("ghost", ["/no/such/program"]))


async def test_cancelling_a_start_leaves_no_process() -> None:
    start = asyncio.create_task(Child.start(spec(NEVER_READY)))
    await asyncio.sleep(0)  # let it begin
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start


async def test_all_who_ask_get_the_same_child() -> None:
    async with supervised(lambda: spec(UNTIL_END_OF_INPUT)) as supervisor:
        children = await asyncio.gather(*(supervisor.ensure() for _ in range(5)))
        assert len({child.pid for child in children}) == 1


async def test_a_killed_child_is_restarted() -> None:
    async with supervised(lambda: spec(UNTIL_END_OF_INPUT)) as supervisor:
        first = await supervisor.ensure()
        await supervisor.until("running")
        os.kill(first.pid, signal.SIGKILL)
        await supervisor.until("running")
        second = await supervisor.ensure()
        assert second.pid != first.pid
        assert supervisor.restarts_total == 1


async def test_stop_ends_the_child_and_ensure_starts_a_new_one() -> None:
    async with supervised(lambda: spec(UNTIL_END_OF_INPUT)) as supervisor:
        first = await supervisor.ensure()
        await supervisor.stop()
        assert not is_alive(first.pid)
        assert supervisor.state == "stopped"
        second = await supervisor.ensure()
        assert second.pid != first.pid


async def test_a_child_that_can_not_start_is_an_error_with_a_time_and_is_tried_again() -> None:
    attempts = 0

    def second_time_lucky() -> ChildSpec:
        nonlocal attempts
        attempts += 1
        return spec(FAILS if attempts == 1 else UNTIL_END_OF_INPUT)

    async with supervised(second_time_lucky) as supervisor:
        with pytest.raises(ChildFailedError) as failure:
            await supervisor.ensure()
        assert failure.value.retry_after_s is not None
        await supervisor.until("running")
        assert (await supervisor.ensure()).is_running


async def test_a_child_ends_when_its_parent_is_killed() -> None:
    parent_code = (
        "import asyncio, sys\n"
        "from cerebrum_kit.child import Child, ChildSpec\n"
        "async def main():\n"
        f"    spec = ChildSpec('child', [sys.executable, '-S', '-c', {UNTIL_END_OF_INPUT!r}])\n"
        "    child = await Child.start(spec)\n"
        "    print(child.pid, flush=True)\n"
        "    await child.wait()\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", parent_code, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    child_pid = int(await parent.stdout.readline())
    descriptor = os.pidfd_open(child_pid)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(descriptor, ended.set)
    parent.kill()
    await asyncio.wait_for(ended.wait(), 10)
    asyncio.get_running_loop().remove_reader(descriptor)
    os.close(descriptor)
    await parent.wait()

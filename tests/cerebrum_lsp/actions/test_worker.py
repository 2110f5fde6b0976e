"""The process that parses: its answers, its failures, its end."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from cerebrum_lsp.actions.worker import Worker, WorkFailedError
from tests.e2e.processes import eventually, kill, until_gone

LONG_S = 600.0


def children() -> set[int]:
    """Return this process's children, those that have ended but were not waited for among them."""
    return {child.pid for child in psutil.Process().children()}


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    worker = Worker()
    yield worker
    await worker.close()


async def test_calls_are_answered_one_after_the_other_by_one_process(worker: Worker) -> None:
    assert worker.pid is None, "none is started before it is needed"
    answers = await asyncio.gather(*(worker.call(math.isqrt, n * n) for n in range(5)))
    pid = worker.pid
    assert answers == [0, 1, 2, 3, 4]
    assert await worker.call(math.isqrt, 81) == 9
    assert worker.pid == pid


async def test_what_a_function_raises_is_told_without_its_words(worker: Worker) -> None:
    with pytest.raises(WorkFailedError, match="internal error"):
        await worker.call(math.isqrt, -1)
    assert await worker.call(math.isqrt, 4) == 2


async def test_what_takes_too_long_is_ended_and_the_next_call_works() -> None:
    before = children()
    worker = Worker(timeout_s=0.5)
    try:
        with pytest.raises(WorkFailedError, match="longer than"):
            await worker.call(time.sleep, LONG_S)
        assert worker.pid is None
    finally:
        await worker.close()
    assert children() == before, "who closes it waits until the process is gone"


async def test_a_cancelled_call_ends_its_process(worker: Worker) -> None:
    await worker.call(math.isqrt, 1)
    pid = worker.pid
    assert pid is not None
    call = asyncio.create_task(worker.call(time.sleep, LONG_S))
    await asyncio.sleep(0)
    call.cancel()
    await asyncio.wait({call})
    await until_gone(pid)
    assert await worker.call(math.isqrt, 4) == 2


async def test_a_killed_process_costs_one_call(worker: Worker) -> None:
    await worker.call(math.isqrt, 1)
    pid = worker.pid
    assert pid is not None
    kill(pid)
    with pytest.raises(WorkFailedError, match="has ended"):
        await worker.call(math.isqrt, 4)
    assert await worker.call(math.isqrt, 4) == 2


async def test_a_process_that_nobody_needs_ends() -> None:
    worker = Worker(idle_s=0.05)
    await worker.call(math.isqrt, 1)

    async def is_gone() -> bool:
        return worker.pid is None

    await eventually(is_gone, "the end of an idle worker")
    assert await worker.call(math.isqrt, 4) == 2
    await worker.close()


async def test_modules_of_the_working_directory_are_not_run(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pickle.py").write_text("raise SystemExit")
    (tmp_path / "cerebrum_lsp.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)
    assert await worker.call(math.isqrt, 4) == 2

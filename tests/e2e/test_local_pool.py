"""With no configuration: the pool that the daemon finds or starts, shares, mends and lets end."""

import asyncio
import contextlib
import os
import stat
from collections.abc import AsyncIterator
from operator import attrgetter
from pathlib import Path

import psutil
import pytest

from cerebrum_lsp import embedded
from orchestrator.wire import LocalPool
from tests.e2e.editor import editor
from tests.e2e.processes import child_running, isolated, kill, until_gone

pytestmark = pytest.mark.e2e

CODE = "def add(first, second):\n    return "


@pytest.fixture
async def environment(tmp_path: Path, quick_model: Path) -> AsyncIterator[dict[str, str]]:
    environment = {**isolated(tmp_path), "CEREBRUM_MODEL": str(quick_model)}
    try:
        yield environment
    finally:
        await asyncio.to_thread(embedded.stop, runtime_folder(environment))


def runtime_folder(environment: dict[str, str]) -> Path:
    return Path(environment["CEREBRUM_RUNTIME_DIR"])


def pool_of(environment: dict[str, str]) -> LocalPool:
    path = runtime_folder(environment) / embedded.POOL_FILE
    return LocalPool.model_validate_json(path.read_bytes())


async def test_editors_share_a_pool_that_the_first_one_starts(environment: dict[str, str]) -> None:
    async with editor(environment) as first, editor(environment) as second:
        shown = await asyncio.gather(first.complete(CODE), second.complete(CODE))
        assert all(shown)
        pool = pool_of(environment)
        path = runtime_folder(environment) / embedded.POOL_FILE
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    async with editor(environment) as third:
        assert await third.complete(CODE)
        assert pool_of(environment) == pool, "it outlives the editors that used it"


async def test_a_stale_file_is_noticed(environment: dict[str, str]) -> None:
    stale = LocalPool(pid=os.getpid(), port=1, key="old", version="0")
    path = runtime_folder(environment) / embedded.POOL_FILE
    path.write_text(stale.model_dump_json())
    async with editor(environment) as client:
        assert await client.complete(CODE)
        assert pool_of(environment).pid != stale.pid


@pytest.mark.parametrize("victim", ["orchestrator", "node_backend", "daemon"])
async def test_whatever_is_killed_comes_back_without_a_new_editor(
    environment: dict[str, str], victim: str
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        client = await stack.enter_async_context(editor(environment))
        assert await client.complete(CODE)
        orchestrator = pool_of(environment).pid
        node = child_running(orchestrator, "node_backend")
        pid = {"orchestrator": orchestrator, "node_backend": node, "daemon": client.pid}[victim]
        kill(pid)
        await until_gone(pid)
        if victim == "daemon":  # the editor's own client starts it again
            client = await stack.enter_async_context(editor(environment))
        assert await client.complete(CODE, uri="file:///workspace/b.py"), await client.outcome()
        if victim == "orchestrator":
            await until_gone(node)


async def test_the_pool_can_be_stopped_and_leaves_nothing_behind(
    environment: dict[str, str],
) -> None:
    async with editor(environment) as client:
        assert await client.complete(CODE)
        assert await client.goodbye() == 0
    orchestrator = psutil.Process(pool_of(environment).pid)
    family = [orchestrator, *orchestrator.children(recursive=True)]
    assert len(family) == 3, "orchestrator, node, engine"
    assert await asyncio.to_thread(embedded.stop, runtime_folder(environment))
    for process in family:
        await until_gone(process.pid)
    assert not (runtime_folder(environment) / embedded.POOL_FILE).exists()
    assert not await asyncio.to_thread(embedded.stop, runtime_folder(environment))


async def test_a_local_pool_is_ended_and_started_anew(environment: dict[str, str]) -> None:
    async with editor(environment) as client:
        assert await client.complete(CODE)
        before = pool_of(environment)
        family = [before.pid, *map(attrgetter("pid"), psutil.Process(before.pid).children())]
        answer = await client.command("cerebrum.restartPool")
        assert (answer["restarted"], "started anew" in answer["message"]) == (True, True), answer
        assert pool_of(environment).pid != before.pid
        for pid in family:
            await until_gone(pid)
        assert await client.complete(f"{CODE}a"), await client.outcome()

"""What an editor can do to the daemon: nonsense, huge lines, letting go without a word."""

import asyncio
import json
import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from benchmarks.instant_pool import InstantPool
from benchmarks.long_session import Session, edit_large, edit_long
from benchmarks.stdio_fuzz import fuzz, start
from cerebrum_lsp import embedded
from tests.e2e.editor import editor
from tests.e2e.processes import isolated, service
from tests.e2e.test_states import environment
from tests.fakes import behaviours
from tests.fakes.node import FakeNode

pytestmark = pytest.mark.e2e

GONE_WITHIN_S = 1.0


async def test_random_and_mutated_messages_are_answered_and_leave_no_trace() -> None:
    report = await fuzz(messages=1_500, seed=1)
    assert report.requests > 200
    assert report.is_good, report


async def test_a_daemon_that_is_let_go_while_it_starts_a_pool_is_gone_at_once(
    tmp_path: Path,
) -> None:
    surroundings = isolated(tmp_path)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "cerebrum_lsp", "--stdio"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, **surroundings},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        for body in (HELLO, b'{"jsonrpc": "2.0", "method": "initialized", "params": {}}'):
            process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        while b"cerebrum/status" not in await process.stdout.read(65536):
            pass  # it is looking for the pool from here on
        begun = time.perf_counter()
        process.stdin.close()
        await asyncio.wait_for(process.wait(), 20)
        assert time.perf_counter() - begun < GONE_WITHIN_S
        assert process.returncode == 1, "nobody asked it to shut down"
    finally:
        await asyncio.to_thread(_end_pool, Path(surroundings["CEREBRUM_RUNTIME_DIR"]))


HELLO = json.dumps(
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {"processId": None, "rootUri": None, "capabilities": {}},
    }
).encode()


def _end_pool(folder: Path) -> None:
    """End the pool that was being started: wait for it, so that none is left behind."""
    started = [
        process
        for process in psutil.process_iter()
        if _environment(process).get("CEREBRUM_RUNTIME_DIR") == str(folder)
    ]
    for process in started:
        process.terminate()
    _, alive = psutil.wait_procs(started, timeout=20)
    assert not alive
    assert embedded.find(folder) is None


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return dict(process.environ())
    except psutil.Error:
        return {}


async def test_an_editor_that_vanishes_in_mid_stream_takes_everything_with_it(
    tmp_path: Path,
) -> None:
    async with InstantPool() as pool:
        victim = await start(str(tmp_path), pool.url)
        session = Session(victim)
        session.open("x = ")
        await session.complete(4)
        children = psutil.Process(victim.process.pid).children(recursive=True)
        assert await victim.let_go() < GONE_WITHIN_S
        _, alive = psutil.wait_procs(children, timeout=10)
        assert not alive


async def test_a_large_document_and_a_long_session(tmp_path: Path) -> None:
    """The same as `benchmarks.long_session`, shorter; times are for it to judge."""
    async with InstantPool() as pool:
        victim = await start(str(tmp_path), pool.url)
        session = Session(victim)
        await edit_large(session, edits=20)
        growth = await edit_long(session, victim, edits=6_000)
        assert growth.holds, growth
        await victim.let_go()


async def test_a_huge_line_is_completed(tmp_path: Path) -> None:
    async with InstantPool() as pool:
        victim = await start(str(tmp_path), pool.url)
        session = Session(victim)
        session.open("x = [" + "1, " * 500_000)
        await session.complete(1_500_005)
        assert await session.settled() < 5_000
        await victim.let_go()


@pytest.mark.timeout(180)
async def test_a_thousand_keystrokes_in_an_outage_make_one_notice_and_no_noise(
    tmp_path: Path,
) -> None:
    key_name = "CEREBRUM_ORCHESTRATOR_KEY"
    async with FakeNode() as node:
        node.behaviour = behaviours.ok()
        async with (
            service(
                "orchestrator",
                "--node",
                node.url,
                key_name=key_name,
                environment=isolated(tmp_path),
            ) as orchestrator,
            editor(environment(tmp_path, orchestrator)) as client,
        ):
            await client.until_state("ready")
            await node.die()
            await client.until_state("no-node")
            for number in range(1_000):
                client.open(f"first = 1\nsecond = {number}")
                assert await client.ask(1, 10) is None
            assert len(client.published) == 1
            assert len(client.published[0].diagnostics) == 1
            await node.start()
            await client.until_diagnostics(2)
            assert not client.published[1].diagnostics
    lines = (tmp_path / "state/cerebrum/log/cerebrum-lsp.log").read_text().splitlines()
    changes = [line for line in lines if " pool.state " in line]
    others = [line for line in lines if line not in changes]
    assert len(others) < 15, "a session's beginning and end, and nothing for each keystroke"
    assert len(changes) < 10

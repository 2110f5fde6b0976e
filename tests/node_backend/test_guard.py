"""The guard for real: a program that burns the processor, one that eats memory, beside a node."""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from node_backend.core.machine import MIB
from node_backend.probe import (
    cores,
    group_folders,
    groups,
    memory_available_bytes,
    memory_total_bytes,
    own_cpu_s,
    own_family,
    take_reading,
)
from tests.node_backend.nodes import NodeProcess, running_node
from tests.node_backend.waiting import PATIENCE_S

BURN = "import sys; print(flush=True)\nwhile True: pass"
EAT = """
import resource, sys
budget = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_DATA, (budget + (64 << 20), budget + (64 << 20)))
held = b"x" * budget
print(flush=True)
sys.stdin.read()
"""
ROUNDS = 4  # other programs on the machine may spoil some
REFUSED_WITHIN_S, ACCEPTED_WITHIN_S = 2.0, 5.0


@contextlib.contextmanager
def running(code: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run Python code until it says that it is at work, and end it afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.communicate()


def test_what_a_child_of_ours_burns_is_our_own() -> None:
    before = own_cpu_s(own_family())
    with running(BURN) as burner:
        while psutil.Process(burner.pid).cpu_times().user < 0.2:
            time.sleep(0.01)
        assert own_cpu_s(own_family()) - before > 0.19
    assert own_cpu_s(own_family()) - before > 0.19  # also when it has ended


def test_a_reading_of_this_machine_is_plausible() -> None:
    reading = take_reading()
    assert 1 <= reading.cores <= (os.cpu_count() or 1)
    assert reading.busy_s >= reading.giving_way_s >= 0
    assert 0 < reading.memory_available_bytes < psutil.virtual_memory().total
    assert 0 < reading.own_s < reading.busy_s


def limited_group(root: Path, **files: str) -> Path:
    """Write a control group's files as the kernel shows them; return its root."""
    root.mkdir(exist_ok=True)
    for name, content in files.items():
        (root / name.replace("_", ".")).write_text(content)
    return root


def test_a_groups_limits_are_the_machines(tmp_path: Path) -> None:
    root = limited_group(
        tmp_path,
        cpu_max="100000 100000",
        memory_max=str(512 * MIB),
        memory_current=str(200 * MIB),
        memory_stat=f"inactive_file {50 * MIB}",
    )
    assert cores(root) == 1
    assert memory_total_bytes(root) == 512 * MIB
    assert memory_available_bytes(root) == 362 * MIB
    assert list(group_folders(root))[-1] == root


def test_without_control_groups_there_are_no_limits(tmp_path: Path) -> None:
    assert cores(tmp_path / "missing") == len(os.sched_getaffinity(0))
    assert all(group.memory_limit_bytes is None for group in groups(tmp_path))
    total: int = psutil.virtual_memory().total
    assert memory_total_bytes(tmp_path) == total


async def says_within_s(node: NodeProcess, *, reason: str | None) -> float:
    """Return the seconds until health names this reason to refuse, or None; and requests agree.

    Asked only now and then: who asks all the time takes from the others what is to be measured.
    """
    begun_at = time.monotonic()
    async with asyncio.timeout(PATIENCE_S):
        while (await node.health()).reason != reason:  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.05)
    took_s = time.monotonic() - begun_at
    answer = await node.ask(prompt="x", max_tokens=1)
    if reason is None:
        assert answer.status_code == 200
    else:
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, reason)
        assert int(answer.headers["Retry-After"]) >= 1
    return took_s


async def accepts_within_s(node: NodeProcess) -> float:
    """Return the seconds until requests are served; skip the test where others leave no room."""
    try:
        return await says_within_s(node, reason=None)
    except TimeoutError:
        if psutil.cpu_percent(interval=2.0) < 80:
            raise
        pytest.skip("other programs use all of this machine")


@pytest.mark.e2e
@pytest.mark.alone
@pytest.mark.timeout(240)
async def test_beside_a_burner_requests_are_refused_and_afterwards_served_again() -> None:
    """The limit is above what other tests beside this one use, and below what the burner does."""
    with running_node(CEREBRUM_NODE_MAX_OTHERS_CPU_PERCENT="85") as node:
        async with node.client() as node.http:
            await node.until_ready()
            times: list[tuple[float, float]] = []
            for _ in range(ROUNDS):
                await accepts_within_s(node)
                with contextlib.ExitStack() as burners:
                    for _ in range(os.cpu_count() or 1):
                        burners.enter_context(running(BURN))
                    refused_s = await says_within_s(node, reason="cpu-busy")
                times.append((refused_s, await accepts_within_s(node)))
                if times[-1][0] <= REFUSED_WITHIN_S and times[-1][1] <= ACCEPTED_WITHIN_S:
                    return
            pytest.fail(f"refused and accepted again after (s): {times}")


@pytest.mark.e2e
@pytest.mark.alone
async def test_its_own_work_does_not_count_as_others(reciting_model: Path) -> None:
    """Two streams keep the engine busy, and none of that is held against others."""
    arguments = ["--model", str(reciting_model), "--context", "8192", "--slots", "3"]
    cores_used = str(max(1, (os.cpu_count() or 2) - 1))
    with running_node(*arguments, "--threads", cores_used) as node:
        async with node.client() as node.http:
            await node.until_ready()
            endless = {"prompt": "import ", "max_tokens": 8000}
            async with (
                node.streaming_until("token", **endless),
                node.streaming_until("token", **endless),
            ):
                await asyncio.sleep(2.0)  # longer than the window: this is what it must show
                health = await node.health()
                engine = psutil.Process(await node.engine_pid()).cpu_times()
                assert engine.user > 0.5
                assert health.others_cpu_percent < health.cpu_percent - 10


@pytest.mark.e2e
@pytest.mark.alone
async def test_beside_a_memory_hog_requests_are_refused_before_the_limit_is_reached(
    tmp_path: Path,
) -> None:
    """In a control group of its own: its limit is far below what the machine has.

    What the kernel would write into the group's files is written here, from what the node, its
    engine and the hog really hold.
    """
    limit_bytes, hog_bytes = 1600 * MIB, 500 * MIB
    root = limited_group(tmp_path / "group", memory_max=str(limit_bytes), memory_current="0")
    with running_node(CEREBRUM_NODE_CGROUP_ROOT=str(root)) as node:
        members = [psutil.Process(node.pid)]

        async def account() -> None:
            while True:
                with contextlib.suppress(psutil.Error):
                    members[1:] = [*members[0].children(recursive=True), *hogs]
                    held = sum(process.memory_info().rss for process in members)
                    (root / "memory.current").write_text(str(held))
                await asyncio.sleep(0.05)

        hogs: list[psutil.Process] = []
        accounting = asyncio.create_task(account())
        try:
            async with node.client() as node.http:
                await node.until_ready()
                await says_within_s(node, reason=None)
                with running(EAT, str(hog_bytes)) as hog:
                    hogs.append(psutil.Process(hog.pid))
                    assert await says_within_s(node, reason="memory-low") <= 10
                    assert sum(process.memory_info().rss for process in members) < limit_bytes
                    assert hog.poll() is None
                hogs.clear()
                assert await says_within_s(node, reason=None) <= 10
        finally:
            accounting.cancel()
            await asyncio.gather(accounting, return_exceptions=True)

"""Looks at the machine: CPU, memory, cores. Sampled in the background, read without waiting."""

import asyncio
import contextlib
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil

from cerebrum_kit.logs import event
from node_backend.core.cores import usable_cores
from node_backend.core.machine import (
    GroupReading,
    Reading,
    available_bytes,
    busy_ticks,
    group_path,
    group_reading,
    sample_of,
)
from node_backend.vram import read_vram

CGROUP_ROOT = Path("/sys/fs/cgroup")
GROUP_FILES = ("cpu.max", "cpu.stat", "memory.max", "memory.high", "memory.current", "memory.stat")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")

log = logging.getLogger(__name__)


def memory_available_bytes(cgroup_root: Path = CGROUP_ROOT) -> int:
    """Return what processes can take without anything being swapped out or killed."""
    available: int = psutil.virtual_memory().available
    nothing = Reading(0.0, 1, 0.0, 0.0, 0.0, available, groups(cgroup_root))
    return available_bytes(nothing)


def memory_total_bytes(cgroup_root: Path = CGROUP_ROOT) -> int:
    """Return the memory that the machine has, or that this process's control group may use."""
    total: int = psutil.virtual_memory().total
    limits = (group.memory_limit_bytes for group in groups(cgroup_root))
    return min([total, *(limit for limit in limits if limit is not None)])


def cores(cgroup_root: Path = CGROUP_ROOT) -> int:
    """Return how many cores this process may keep busy."""
    here = len(os.sched_getaffinity(0))
    cpu_max = [read(folder / "cpu.max") for folder in group_folders(cgroup_root)]
    return min(usable_cores(here, text) for text in (*cpu_max, ""))


def groups(cgroup_root: Path) -> tuple[GroupReading, ...]:
    """Return this process's control group and all above it: each one's limits hold."""
    return tuple(
        group_reading({name: read(folder / name) for name in GROUP_FILES})
        for folder in group_folders(cgroup_root)
    )


def group_folders(cgroup_root: Path) -> Iterator[Path]:
    """Yield the folders of this process's control groups, from its own to the root."""
    folder = cgroup_root / group_path(read(Path("/proc/self/cgroup")))
    while folder != cgroup_root and cgroup_root in folder.parents:
        yield folder
        folder = folder.parent
    yield cgroup_root


def read(path: Path) -> str:
    """Return a file's text; empty where it can't be read, which says the same as no limit."""
    try:
        return path.read_text()
    except (OSError, ValueError):
        return ""


def take_reading(cgroup_root: Path = CGROUP_ROOT, *, with_vram: bool = False) -> Reading:
    """Read all counters; takes some milliseconds, since all processes are looked at."""
    cpus = frozenset(os.sched_getaffinity(0))
    busy, nice = busy_ticks(read(Path("/proc/stat")), cpus)
    family, vram = own_family(), read_vram() if with_vram else None
    gives_way = os.getpriority(os.PRIO_PROCESS, 0) > 0  # then the nice ones are our equals
    return Reading(
        at_s=time.monotonic(),
        cores=len(cpus),
        busy_s=busy / TICKS_PER_S,
        giving_way_s=0.0 if gives_way else nice / TICKS_PER_S,
        own_s=own_cpu_s(family),
        memory_available_bytes=psutil.virtual_memory().available,
        groups=groups(cgroup_root),
        vram_free_bytes=vram.free_bytes if vram else None,
        vram_held_bytes=vram.held_bytes([each.pid for each in family]) if vram else 0,
    )


def own_family() -> list[psutil.Process]:
    """Return this process and all it has started, and these, and so on."""
    own = psutil.Process()
    return [own, *own.children(recursive=True)]


def own_cpu_s(family: Iterable[psutil.Process]) -> float:
    """Return the CPU time of these processes.

    The time of a child that has ended is in that of its parent.
    """
    total = 0.0
    for process in family:
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


class Probe:
    """Keeps a recent sample at hand: of the last `window_s`, renewed every `interval_s`."""

    def __init__(
        self,
        interval_s: float,
        window_s: float = 0.0,
        *,
        take: Callable[[], Reading] = take_reading,
        is_computing_elsewhere: Callable[[], bool] = lambda: False,
    ) -> None:
        self._interval_s = interval_s
        self._window_s = window_s
        self._take = take
        self._is_computing_elsewhere = is_computing_elsewhere
        self._task: asyncio.Task[None] | None = None
        self._readings: deque[Reading] = deque([take()])
        self.latest = sample_of(self._readings)

    def start(self) -> None:
        """Begin to sample."""
        self._task = asyncio.create_task(self._run(), name="probe")

    async def stop(self) -> None:
        """End sampling."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def note(self, reading: Reading) -> None:
        """Take a reading in."""
        readings = self._readings
        readings.append(reading)
        while len(readings) > 2 and readings[1].at_s <= reading.at_s - self._window_s:
            readings.popleft()
        self.latest = sample_of(readings)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            try:
                reading = await asyncio.to_thread(self._take)
            except (OSError, psutil.Error) as error:
                log.warning(event("probe.failed", error=type(error).__name__))
                continue
            elsewhere = self._is_computing_elsewhere()
            self.note(replace(reading, is_computing_elsewhere=elsewhere))

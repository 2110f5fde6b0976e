"""Looks at the machine: CPU, memory, cores. Sampled in the background, read without waiting."""

import asyncio
import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

import psutil

from node_backend.core.cores import usable_cores

CPU_MAX_FILE = Path("/sys/fs/cgroup/cpu.max")  # a container's own limit, as it sees it
MIB = 1 << 20


@dataclass(frozen=True)
class Sample:
    """How the machine was doing a moment ago."""

    cpu_percent: float
    """Of all cores together, by everybody."""
    memory_available_mib: float


def take_sample() -> Sample:
    """Measure; the CPU figure covers the time since the sample before."""
    return Sample(psutil.cpu_percent(interval=None), memory_available_bytes() / MIB)


def memory_available_bytes() -> int:
    """Return what processes can take without anything being swapped out."""
    available: int = psutil.virtual_memory().available
    return available


def cores() -> int:
    """Return how many cores this process may keep busy."""
    try:
        cpu_max = CPU_MAX_FILE.read_text()
    except OSError:
        cpu_max = ""
    return usable_cores(len(os.sched_getaffinity(0)), cpu_max)


class Probe:
    """Keeps a recent sample at hand."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._task: asyncio.Task[None] | None = None
        self.latest = take_sample()

    def start(self) -> None:
        """Begin to sample."""
        self._task = asyncio.create_task(self._run(), name="probe")

    async def stop(self) -> None:
        """End sampling."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            self.latest = take_sample()

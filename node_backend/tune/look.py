"""Looks at the machine: /proc, /sys, the control group, and graphics cards if there are any."""

import platform
import subprocess
from pathlib import Path

from node_backend.core.machine import (
    MIB,
    GroupReading,
    Reading,
    available_bytes,
    group_path,
    group_reading,
)
from node_backend.core.tuning_machine import (
    GIB,
    Gpu,
    Machine,
    count_of_list,
    read_cpuinfo,
    read_meminfo,
)
from node_backend.probe import GROUP_FILES, read

GPU_TIMEOUT_S = 5.0  # a driver that hangs is no reason to wait
NVIDIA_QUERY = ("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits")
HERE = Path("/")


def look(root: Path = HERE) -> Machine:
    """Return what this machine is. `root`: another machine's files, laid out as there."""
    cpu = read_cpuinfo(read(root / "proc/cpuinfo"))
    memory = read_meminfo(read(root / "proc/meminfo"))
    threads = count_of_list(read(root / "sys/devices/system/cpu/online")) or 1
    groups = _control_groups(root)
    cores = min([each.cpu_limit_cores for each in groups if each.cpu_limit_cores], default=None)
    limit = min(
        [each.memory_limit_bytes for each in groups if each.memory_limit_bytes], default=None
    )
    total = memory.get("MemTotal", GIB)
    limits = []
    if cores is not None and cores < threads:
        limits.append(f"{cores:.1f} cores")
    if limit is not None and limit < total:
        limits.append(f"{limit / GIB:.1f} GiB of memory")
        total = limit
    allowed = _allowed(root) or threads
    free = Reading(0.0, 1, 0.0, 0.0, 0.0, memory.get("MemAvailable", total), groups)
    return Machine(
        cpu=cpu.name or platform.processor() or "unknown",
        architecture=platform.machine(),
        threads=threads,
        cores=_cores(root) or cpu.cores or threads,
        usable_threads=allowed if cores is None else max(1, min(allowed, int(cores))),
        numa_nodes=count_of_list(read(root / "sys/devices/system/node/online")) or 1,
        memory_bytes=total,
        available_bytes=available_bytes(free),
        instructions=cpu.instructions,
        gpus=(*(_nvidia() if root == HERE else ()), *_amd(root)),
        limits=tuple(limits),
    )


def _cores(root: Path) -> int | None:
    """Count the sets of threads that share a core."""
    siblings = {
        read(path)
        for path in root.glob("sys/devices/system/cpu/cpu[0-9]*/topology/thread_siblings_list")
    }
    return len(siblings - {""}) or None


def _allowed(root: Path) -> int | None:
    for line in read(root / "proc/self/status").splitlines():
        key, _, value = line.partition(":")
        if key == "Cpus_allowed_list":
            return count_of_list(value)
    return None


def _control_groups(root: Path) -> tuple[GroupReading, ...]:
    """Return this process's control group and all above it; all their limits hold."""
    mount = root / "sys/fs/cgroup"
    own = mount / group_path(read(root / "proc/self/cgroup"))
    folders = [own, *(above for above in own.parents if above.is_relative_to(mount))]
    return tuple(
        group_reading({name: read(folder / name) for name in GROUP_FILES}) for folder in folders
    )


def _nvidia() -> list[Gpu]:
    try:
        answer = subprocess.run(
            NVIDIA_QUERY, capture_output=True, text=True, timeout=GPU_TIMEOUT_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return []  # no such card, or no driver that answers
    return read_nvidia(answer.stdout)


def read_nvidia(text: str) -> list[Gpu]:
    """Understand nvidia-smi's lines of name and memory in MiB."""
    found = []
    for line in text.splitlines():
        name, comma, memory = line.rpartition(",")
        if comma:
            size = int(memory) * MIB if memory.strip().isdecimal() else None
            found.append(Gpu(name.strip(), size))
    return found


def _amd(root: Path) -> list[Gpu]:
    paths = sorted(root.glob("sys/class/drm/card[0-9]*/device/mem_info_vram_total"))
    sizes = (read(path).strip() for path in paths)
    return [Gpu("AMD", int(size)) for size in sizes if size.isdecimal()]

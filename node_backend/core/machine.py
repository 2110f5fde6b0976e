"""How a machine is doing, from two readings of its counters: what others use, what is free.

A control group's limits (cgroup v2: a container, a systemd unit) count as the machine's: what the
group may use is all there is, and who else is in the group takes from it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

MIB = 1 << 20
Objection = Literal["cpu-busy", "memory-low", "vram-low"]


@dataclass(frozen=True)
class GroupReading:
    """A control group that this process is in, and its limits, if it has them."""

    cpu_limit_cores: float | None = None
    cpu_used_s: float = 0.0
    """By all in the group, since it was made."""
    memory_limit_bytes: int | None = None
    memory_used_bytes: int = 0
    memory_reclaimable_bytes: int = 0
    """Of that: caches which the kernel gives up when something else needs the memory."""


@dataclass(frozen=True)
class Reading:
    """The counters at one moment. Seconds of CPU are summed over the cores that we may use."""

    at_s: float
    cores: int
    busy_s: float
    """By everybody."""
    giving_way_s: float
    """Of that: by processes that were made nice, and so give way to others."""
    own_s: float
    """By this process and all it has started, the dead included."""
    memory_available_bytes: int
    groups: tuple[GroupReading, ...] = ()
    vram_free_bytes: int | None = None
    """Of all graphics cards together, if there are any that matter."""
    vram_held_bytes: int = 0
    """Of their memory: what we have, or, where that can't be told, what anybody has."""
    is_computing_elsewhere: bool = False
    """Whether processes that are not ours compute for us, so that others can't be told apart."""


@dataclass(frozen=True)
class Sample:
    """How the machine was doing a moment ago."""

    cpu_percent: float
    """Of all cores together, by everybody."""
    memory_available_mib: float
    others_cpu_percent: float = 0.0
    """Of what we may use: taken by others who don't give way."""
    vram_free_mib: float | None = None
    vram_held_mib: float = 0.0
    """By us, or, where that can't be told, by anybody."""


@dataclass(frozen=True)
class Thresholds:
    """From where on work is refused."""

    max_others_cpu_percent: float
    """More than this, and others need the machine. 100: it never matters."""
    min_memory_available_mib: int
    min_vram_mib: int = 0


def objection(sample: Sample, thresholds: Thresholds, *, loads: bool = True) -> Objection | None:
    """Return why a request should be refused, if it should.

    `loads`: whether its model has to be loaded first. One that is loaded has the memory of the
    graphics card that it needs, and may have left less than is asked for here.
    """
    vram = sample.vram_free_mib
    if loads and vram is not None and vram < thresholds.min_vram_mib:
        return "vram-low"
    if sample.memory_available_mib < thresholds.min_memory_available_mib:
        return "memory-low"
    limit = thresholds.max_others_cpu_percent
    return "cpu-busy" if limit < 100 and sample.others_cpu_percent > limit else None


def sample_of(readings: Sequence[Reading]) -> Sample:
    """Return how the machine did from the first reading to the last."""
    before, after = readings[0], readings[-1]
    elapsed_s = max(after.at_s - before.at_s, 1e-3)
    busy = (after.busy_s - before.busy_s) / elapsed_s
    is_unknown = any(reading.is_computing_elsewhere for reading in readings)
    return Sample(
        cpu_percent=_percent(busy / after.cores),
        memory_available_mib=available_bytes(after) / MIB,
        others_cpu_percent=0.0 if is_unknown else _others_percent(before, after, elapsed_s),
        vram_free_mib=None if after.vram_free_bytes is None else after.vram_free_bytes / MIB,
        vram_held_mib=after.vram_held_bytes / MIB,
    )


def usable_vram_mib(sample: Sample, *, is_loaded: bool) -> float | None:
    """Return what our models may have of the graphics cards' memory; None where none matters.

    While one of them is loaded (`is_loaded`), that is also what it has already: a card that is
    full of the model that is asked for is no reason not to ask.
    """
    if sample.vram_free_mib is None:
        return None
    return sample.vram_free_mib + (sample.vram_held_mib if is_loaded else 0.0)


def available_bytes(reading: Reading) -> int:
    """Return what may still be taken without anything being swapped out or killed.

    Of a group: its limit less its working set, which is what Kubernetes holds against limits too.
    """
    free = [
        group.memory_limit_bytes - group.memory_used_bytes + group.memory_reclaimable_bytes
        for group in reading.groups
        if group.memory_limit_bytes is not None
    ]
    return max(0, min([reading.memory_available_bytes, *free]))


def _others_percent(before: Reading, after: Reading, elapsed_s: float) -> float:
    own = (after.own_s - before.own_s) / elapsed_s
    insisting = (
        after.busy_s - after.giving_way_s - before.busy_s + before.giving_way_s
    ) / elapsed_s
    all_cores = float(after.cores)
    free = all_cores - max(0.0, insisting - own)
    for earlier, later in zip(before.groups, after.groups, strict=False):
        if later.cpu_limit_cores is None:
            continue
        in_group = (later.cpu_used_s - earlier.cpu_used_s) / elapsed_s
        free = min(free, later.cpu_limit_cores - max(0.0, in_group - own))
        all_cores = min(all_cores, later.cpu_limit_cores)
    return _percent(1 - free / all_cores)


def _percent(share: float) -> float:
    return 100 * min(1.0, max(0.0, share))


def group_path(own_cgroup: str) -> str:
    """Return the path of this process's group, from `/proc/self/cgroup`; empty: the root."""
    for line in own_cgroup.splitlines():
        if line.startswith("0::"):
            return line.removeprefix("0::").strip("/ \n")
    return ""


def group_reading(files: Mapping[str, str]) -> GroupReading:
    """Return what the files of a control group say; those that are not there are no limit."""
    limits = [_number(files.get(name, "")) for name in ("memory.max", "memory.high")]
    stat = _counters(files.get("memory.stat", ""))
    return GroupReading(
        cpu_limit_cores=cpu_limit_cores(files.get("cpu.max", "")),
        cpu_used_s=_counters(files.get("cpu.stat", "")).get("usage_usec", 0) / 1e6,
        memory_limit_bytes=min((each for each in limits if each is not None), default=None),
        memory_used_bytes=_number(files.get("memory.current", "")) or 0,
        memory_reclaimable_bytes=stat.get("inactive_file", 0) + stat.get("slab_reclaimable", 0),
    )


def cpu_limit_cores(cpu_max: str) -> float | None:
    """Return the cores that `cpu.max` allows (`QUOTA PERIOD`, or `max PERIOD`), if it limits."""
    quota, _, period = cpu_max.strip().partition(" ")
    if quota.isdecimal() and period.isdecimal() and int(quota) > 0 and int(period) > 0:
        return int(quota) / int(period)
    return None


def busy_ticks(proc_stat: str, cpus: frozenset[int]) -> tuple[int, int]:
    """Return the ticks that `cpus` were busy, and of these the nice ones, from `/proc/stat`.

    Waiting for a disk is not work, and what a hypervisor takes away is nobody's on this machine.
    """
    busy = nice = 0
    for line in proc_stat.splitlines():
        name, *fields = line.split()
        if name[:3] != "cpu" or not name[3:].isdecimal() or int(name[3:]) not in cpus:
            continue
        user, niced, system, _idle, _iowait, irq, softirq = (int(field) for field in fields[:7])
        busy += user + niced + system + irq + softirq
        nice += niced
    return busy, nice


def _number(text: str) -> int | None:
    stripped = text.strip()
    return int(stripped) if stripped.isdecimal() else None


def _counters(text: str) -> dict[str, int]:
    pairs = (line.split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}

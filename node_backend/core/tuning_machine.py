"""A machine as far as it decides how a model is best run on it, read from what Linux says of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

GIB = 1 << 30

INSTRUCTIONS: Mapping[str, str] = {
    "avx": "AVX", "avx2": "AVX2", "fma": "FMA", "f16c": "F16C", "avx_vnni": "AVX-VNNI",
    "avx512f": "AVX-512", "avx512_vnni": "AVX-512 VNNI", "avx512_bf16": "AVX-512 BF16",
    "amx_int8": "AMX", "asimd": "NEON", "asimddp": "dot product", "i8mm": "I8MM", "sve": "SVE",
}  # fmt: skip
"""Flags of /proc/cpuinfo that llama.cpp has code for, and what people call them."""


@dataclass(frozen=True)
class Gpu:
    """A graphics card."""

    name: str
    memory_bytes: int | None = None


@dataclass(frozen=True)
class Machine:
    """What was found. All counts are at least 1."""

    cpu: str
    architecture: str
    threads: int
    """Hardware threads that are switched on."""
    cores: int
    """Physical cores: fewer than threads where two share one."""
    usable_threads: int
    """Those that this process may keep busy: by its affinity, and its control group's quota."""
    numa_nodes: int
    memory_bytes: int
    """What there is, or what the control group allows if that is less."""
    available_bytes: int
    instructions: tuple[str, ...] = ()
    gpus: tuple[Gpu, ...] = ()
    limits: tuple[str, ...] = ()
    """What a control group forbids, in words."""

    @property
    def shares_cores(self) -> bool:
        """Whether two hardware threads share a core."""
        return self.threads > self.cores


@dataclass(frozen=True)
class Cpu:
    """What /proc/cpuinfo says."""

    name: str | None
    instructions: tuple[str, ...]
    cores: int | None
    """Physical cores, None where the architecture doesn't say."""


def read_cpuinfo(text: str) -> Cpu:
    """Understand /proc/cpuinfo of x86 and ARM."""
    fields = [
        (key.strip(), value.strip())
        for key, colon, value in (line.partition(":") for line in text.splitlines())
        if colon
    ]
    first = dict(reversed(fields))  # of each field the first counts
    flags = first.get("flags", first.get("Features", "")).split()
    name = first.get("model name") or first.get("Model") or first.get("Hardware")
    known = tuple(called for flag, called in INSTRUCTIONS.items() if flag in flags)
    return Cpu(name, known, _physical_cores(fields))


def _physical_cores(fields: list[tuple[str, str]]) -> int | None:
    package, cores = "0", set()
    for key, value in fields:
        if key == "physical id":
            package = value
        elif key == "core id":
            cores.add((package, value))
    return len(cores) or None


def count_of_list(text: str) -> int | None:
    """Return how many numbers a list like `0-3,8` has, None if it is no such list."""
    total = 0
    for part in text.strip().split(","):
        match = re.fullmatch(r"(\d{1,6})(?:-(\d{1,6}))?", part)
        if match is None:
            return None
        total += int(match[2] or match[1]) - int(match[1]) + 1
    return total


def read_meminfo(text: str) -> dict[str, int]:
    """Return the fields of /proc/meminfo in bytes."""
    matches = re.finditer(r"^(\w+):\s+(\d+) kB$", text, re.MULTILINE)
    return {match[1]: int(match[2]) * 1024 for match in matches}

"""Memory of the graphics cards, where there are some and their library can be asked."""

import functools
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Vram:
    """What all cards together have, and which processes have what of it."""

    free_bytes: int
    used_bytes: int
    bytes_of: Mapping[int, int] = field(default_factory=dict)
    """By process id; without those of which a card does not say what they have."""

    def held_bytes(self, own: Collection[int]) -> int:
        """Return what the processes `own` have.

        Where none is known to have any (in a container the ids differ, and some drivers tell
        none), it may be anything up to what is used, and that is returned.
        """
        return sum(self.bytes_of.get(pid, 0) for pid in own) or self.used_bytes


def read_vram() -> Vram | None:
    """Return what all NVIDIA cards together have; None where there is none to ask.

    Needs the extra `gpu` (nvidia-ml-py). A machine without a card, without its driver or without
    the extra is nothing to warn of.
    """
    library = _library()
    if library is None:
        return None
    try:
        count = library.nvmlDeviceGetCount()
        cards = [library.nvmlDeviceGetHandleByIndex(number) for number in range(count)]
        memory = [library.nvmlDeviceGetMemoryInfo(card) for card in cards]
    except library.NVMLError:
        return None
    if not memory:
        return None
    return Vram(
        sum(int(each.free) for each in memory),
        sum(int(each.used) for each in memory),
        _bytes_of_processes(library, cards),
    )


def _bytes_of_processes(library: Any, cards: Iterable[Any]) -> dict[int, int]:
    bytes_of: dict[int, int] = {}
    for card in cards:
        try:
            processes = library.nvmlDeviceGetComputeRunningProcesses(card)
        except library.NVMLError:
            continue
        for process in processes:
            held = process.usedGpuMemory or 0  # None where the driver does not tell
            bytes_of[process.pid] = bytes_of.get(process.pid, 0) + int(held)
    return bytes_of


@functools.cache
def _library() -> Any:
    try:
        import pynvml  # noqa: PLC0415 - an extra
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return pynvml

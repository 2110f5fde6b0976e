"""Protects the machine that the node lives on: refuses work that its owner would notice."""

from collections.abc import Callable

from node_backend.core.machine import Sample, Thresholds, objection
from node_backend.errors import CpuBusyError, MemoryLowError, RefusedError, VramLowError

MEMORY_RETRY_AFTER_S = 10.0  # memory does not come back sooner than somebody closes something
CPU_RETRY_AFTER_S = 5.0  # what others compute ends sooner, and is noticed within two seconds


class Guard:
    """Says whether the machine can take one more request, from the latest sample."""

    def __init__(self, sample: Callable[[], Sample], thresholds: Thresholds) -> None:
        self._sample = sample
        self._thresholds = thresholds

    def objection(self, *, loads: bool) -> RefusedError | None:
        """Return why a request, whose model has to be loaded or not, is refused now, or None."""
        sample, thresholds = self._sample(), self._thresholds
        match objection(sample, thresholds, loads=loads):
            case "vram-low":
                return VramLowError(
                    f"{sample.vram_free_mib:.0f} MiB of the graphics cards' memory are free, and "
                    f"{thresholds.min_vram_mib} MiB have to be",
                    retry_after_s=MEMORY_RETRY_AFTER_S,
                )
            case "memory-low":
                return MemoryLowError(
                    f"{sample.memory_available_mib:.0f} MiB of memory are available, and "
                    f"{thresholds.min_memory_available_mib} MiB are kept for others",
                    retry_after_s=MEMORY_RETRY_AFTER_S,
                )
            case "cpu-busy":
                return CpuBusyError(
                    f"others use {sample.others_cpu_percent:.0f} % of the processor, and this node "
                    f"gives way from {thresholds.max_others_cpu_percent:.0f} % on",
                    retry_after_s=CPU_RETRY_AFTER_S,
                )
            case None:
                return None

"""Protects the machine that the node lives on: refuses work that its owner would notice."""

from collections.abc import Callable

from node_backend.errors import MemoryLowError, RefusedError
from node_backend.probe import Sample

RETRY_AFTER_S = 10.0  # memory does not come back sooner than somebody closes something


class Guard:
    """Says whether the machine can take one more request, from the latest sample."""

    def __init__(self, sample: Callable[[], Sample], min_memory_available_mib: int) -> None:
        self._sample = sample
        self._min_memory_available_mib = min_memory_available_mib

    def objection(self) -> RefusedError | None:
        """Return why a request would be refused now, or None."""
        available = self._sample().memory_available_mib
        if available < self._min_memory_available_mib:
            return MemoryLowError(
                f"{available:.0f} MiB of memory are available, and "
                f"{self._min_memory_available_mib} MiB are kept for others",
                retry_after_s=RETRY_AFTER_S,
            )
        return None

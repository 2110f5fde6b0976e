"""The most recently used values, bounded in bytes. Pure."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Generic, TypeVar

V = TypeVar("V")


@dataclass
class Cache(Generic[V]):
    """Values by key; what was not used for longest makes room.

    A value over a quarter of `max_bytes` is not kept: it would drive out too much for itself.
    """

    max_bytes: int
    used_bytes: int = 0
    hits: int = 0
    misses: int = 0
    _kept: "OrderedDict[bytes, tuple[V, int]]" = field(default_factory=OrderedDict)

    def get(self, key: bytes) -> V | None:
        """Return the value of `key`, and take note that it was used; None if there is none."""
        found = self._kept.get(key)
        if found is None:
            self.misses += 1
            return None
        self.hits += 1
        self._kept.move_to_end(key)
        return found[0]

    def put(self, key: bytes, value: V, size_bytes: int) -> None:
        """Keep `value`, which takes `size_bytes` of memory, in place of an earlier one."""
        _, freed_bytes = self._kept.pop(key, (None, 0))
        self.used_bytes -= freed_bytes
        if size_bytes > self.max_bytes // 4:
            return
        self._kept[key] = (value, size_bytes)
        self.used_bytes += size_bytes
        while self.used_bytes > self.max_bytes:
            _, (_, freed_bytes) = self._kept.popitem(last=False)
            self.used_bytes -= freed_bytes

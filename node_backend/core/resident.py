"""One model in memory, and the limits under which models share it."""

from dataclasses import dataclass, field
from typing import Literal

from node_backend.core.slots import Slots

ResidentState = Literal["loading", "ready", "failed", "unloading"]


@dataclass(frozen=True)
class Limits:
    """How many, and for how long."""

    slots: int
    """Requests computed side by side, of each model."""
    queue: int
    """Requests that wait, of all models together."""
    models: int = 1
    """Models in memory at a time."""
    longest_wait_s: float = 0.0
    """After so long a wait for a model that is not there, one that is takes no more requests."""
    idle_unload_s: float = 3600.0


@dataclass
class Resident:
    """A model that has memory, or is being given it."""

    slot_count: int
    needs_bytes: int
    is_pinned: bool
    loaded_at: float
    """When it became ready; until then, when it began to load."""
    state: ResidentState = "loading"
    load_s: float = 0.0
    last_used_at: float = field(init=False)
    slots: Slots = field(init=False)

    def __post_init__(self) -> None:
        self.slots = Slots(self.slot_count)
        self.last_used_at = self.loaded_at

    @property
    def is_settled(self) -> bool:
        """Whether it neither comes nor goes."""
        return self.state in ("ready", "failed")

    def become_ready(self, now: float) -> None:
        """Note that it is loaded; how long that took is not known where it had failed before."""
        self.load_s = now - self.loaded_at if self.state == "loading" else 0.0
        self.state, self.loaded_at, self.last_used_at = "ready", now, now

    @property
    def stays_until(self) -> float:
        """Until when it stays even if others are waited for: it has to be worth its loading."""
        return self.loaded_at + self.load_s

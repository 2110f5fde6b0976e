"""A node as routing sees it: frozen, for a decision to be taken on it. Pure."""

from dataclasses import dataclass, field
from typing import Literal

from orchestrator.core.breaker import State as BreakerState
from orchestrator.core.prediction import NodeSpeeds
from orchestrator.core.speeds import Speed

State = Literal["unknown", "loading", "ready", "refusing", "unauthorized", "unreachable"]

# A node that refused a moment ago is asked after all others and not never: what is known of it is
# up to a probe interval old, it says no within milliseconds, and it knows when to come back.
PREFERENCE: dict[State, int] = {"ready": 0, "loading": 1, "unknown": 2, "refusing": 3}


@dataclass(frozen=True)
class NodeSnapshot:
    """What is known of a node; `can_be_asked` is false while it has no address to ask at.

    `in_flight` counts this orchestrator's own requests. `next_probe_at`, `breaker_probe_at` and
    `failed_at` are on the clock of `now`. `models` is what the node lists; empty while unknown;
    `unfit` are those of them that its memory can't hold. `vram_free_mb` is None where there is no
    GPU, or where it doesn't count.
    """

    name: str
    state: State
    can_be_asked: bool = True
    in_flight: int = 0
    next_probe_at: float = 0.0
    reason: str | None = None
    breaker: BreakerState = "closed"
    breaker_probe_at: float = 0.0
    models: tuple[str, ...] = ()
    unfit: frozenset[str] = frozenset()
    has_gpu: bool = False
    cpu_percent: float = 0.0
    vram_free_mb: float | None = None
    speeds: NodeSpeeds = field(default_factory=lambda: NodeSpeeds(None))

    @property
    def speed(self) -> Speed:
        """The speed of its own model."""
        return self.speeds.speeds.get(self.speeds.model or "") or Speed()

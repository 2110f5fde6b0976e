"""One node of the pool, and all that is known of it."""

from collections import OrderedDict
from dataclasses import dataclass, field

from orchestrator.core.breaker import Breaker
from orchestrator.core.prediction import NodeSpeeds
from orchestrator.core.snapshot import NodeSnapshot
from orchestrator.core.speeds import Speed
from orchestrator.nodes import NodeClient
from orchestrator.wire import NodeState, NodeStatus

PREFIXES_KEPT = 256  # documents whose KV cache a node may still hold: more than any has slots


@dataclass(frozen=True)
class Observation:
    """What was learned of a node just now; `is_cold` when its engine does not run."""

    state: NodeState
    model: str | None = None
    reason: str | None = None
    models: tuple[str, ...] = ()
    is_cold: bool = False
    cpu_percent: float = field(default=0.0, compare=False)


@dataclass
class Member:
    """One node. Without a client it is starting, or gone, and has no address.

    One that `comes_back` is restarted by somebody when it ends, and is then worth another try.
    `ends` has, of each attempt in flight, when it will probably have ended.
    """

    name: str
    client: NodeClient | None
    comes_back: bool = False
    has_gpu: bool = False
    slots: int = 1
    breaker: Breaker = field(default_factory=Breaker)
    seen: Observation = Observation("unknown")
    ends: dict[int, float] = field(default_factory=dict)
    next_probe_at: float = 0.0
    is_last_hope: bool = False
    speeds: dict[str, Speed] = field(default_factory=dict)
    prefixes: OrderedDict[str, str] = field(default_factory=OrderedDict)

    @property
    def in_flight(self) -> int:
        """How many attempts of this orchestrator it works on."""
        return len(self.ends)

    def speed(self, model: str) -> Speed:
        """Return what is learned of its speed with `model`, to be learned further."""
        return self.speeds.setdefault(model, Speed())

    def keep_prefix(self, lane: str | None, model: str) -> None:
        """Remember that its KV cache holds the beginning of this document's prompts."""
        if lane is not None:
            self.prefixes[lane] = model
            self.prefixes.move_to_end(lane)
            if len(self.prefixes) > PREFIXES_KEPT:
                self.prefixes.popitem(last=False)

    def snapshot(self, now: float) -> NodeSnapshot:
        """Return what routing needs to know."""
        return NodeSnapshot(
            name=self.name,
            state=self.seen.state,
            can_be_asked=self.client is not None,
            in_flight=self.in_flight,
            next_probe_at=self.next_probe_at,
            reason=self.seen.reason,
            breaker=self.breaker.state,
            breaker_probe_at=self._probe_due_at(now),
            models=self.seen.models,
            has_gpu=self.has_gpu,
            cpu_percent=self.seen.cpu_percent,
            speeds=self._speeds(now),
        )

    def status(self) -> NodeStatus:
        """Return what the wire shows."""
        speed = self.speeds.get(self.seen.model or "", Speed())
        return NodeStatus(
            name=self.name,
            url=self.client.url if self.client else "",
            state=self.seen.state,
            model=self.seen.model,
            in_flight=self.in_flight,
            breaker=self.breaker.state,
            reason=self.seen.reason,
            prefill_tokens_per_s=speed.prefill.value(),
            decode_tokens_per_s=speed.decode.value(),
            models=list(self.seen.models),
        )

    def _probe_due_at(self, now: float) -> float:
        return self.breaker.probe_due_at(is_last_hope=self.is_last_hope) or now

    def _speeds(self, now: float) -> NodeSpeeds:
        return NodeSpeeds(
            model=self.seen.model,
            speeds=self.speeds,
            prefixes=self.prefixes,
            is_cold=self.seen.is_cold,
            backlog_s=sum(max(0.0, end - now) for end in self.ends.values()),
            slots=self.slots,
        )

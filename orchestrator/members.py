"""One node of the pool, and all that is known of it."""

from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property

from node_backend.wire import ModelInfo
from orchestrator.core.breaker import Breaker
from orchestrator.core.prediction import NodeSpeeds
from orchestrator.core.snapshot import NodeSnapshot
from orchestrator.core.speeds import Speed
from orchestrator.nodes import NodeClient
from orchestrator.wire import KnownModel, NodeState, NodeStatus

PREFIXES_KEPT = 256  # documents whose KV cache a node may still hold: more than any has slots


@dataclass(frozen=True)
class Observation:
    """What was learned of a node just now; `is_cold` when its engine does not run.

    `listed` are the models that it can run, `in_memory` those that it holds now.
    """

    state: NodeState
    model: str | None = None
    reason: str | None = None
    listed: tuple[ModelInfo, ...] = ()
    in_memory: frozenset[str] = frozenset()
    is_cold: bool = False
    slots: int | None = None
    has_gpu: bool | None = None
    vram_free_mb: float | None = field(default=None, compare=False)
    cpu_percent: float = field(default=0.0, compare=False)

    @cached_property
    def models(self) -> tuple[str, ...]:
        """The names of the models that it can run."""
        return tuple(model.name for model in self.listed)

    @cached_property
    def loaded(self) -> frozenset[str]:
        """The models that answer without being loaded first.

        A node that is ready holds its own, if it says nothing of it. The agent of a plain host
        learns only from the host's list what that holds.
        """
        if self.state == "ready" and not self.is_cold and not self.in_memory and self.model:
            return frozenset({self.model})
        hosted = {each.name for each in self.listed if each.loaded and each.source == "hosted"}
        return self.in_memory | hosted

    @cached_property
    def unfit(self) -> frozenset[str]:
        """The models that its memory can't hold."""
        return frozenset(each.name for each in self.listed if each.fits is False) - self.loaded

    @cached_property
    def known_models(self) -> list[KnownModel]:
        """What the wire shows of each."""
        return [
            KnownModel(
                name=model.name,
                loaded=model.name in self.loaded,
                fits=model.fits,
                fim=model.fim,
                chat=model.chat,
                context_tokens=model.context_tokens,
            )
            for model in self.listed
        ]


@dataclass
class Member:
    """One node. Without a client it is starting, or gone, and has no address.

    One that `comes_back` is restarted by somebody when it ends, and is then worth another try.
    `has_gpu` and `slots` are what its owner says; None: what it says itself. `ends` has, of
    each attempt in flight, when it will probably have ended.
    """

    name: str
    client: NodeClient | None
    comes_back: bool = False
    has_gpu: bool | None = None
    slots: int | None = None
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

    @property
    def is_gpu(self) -> bool:
        """Whether it computes on a GPU, as far as anybody has said."""
        return bool(self.seen.has_gpu if self.has_gpu is None else self.has_gpu)

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
            unfit=self.seen.unfit,
            has_gpu=self.is_gpu,
            vram_free_mb=self.seen.vram_free_mb,
            cpu_percent=self.seen.cpu_percent,
            speeds=self._speeds(now),
        )

    def status(self, now: float) -> NodeStatus:
        """Return what the wire shows."""
        speed = self.speeds.get(self.seen.model or "", Speed())
        known = self.seen.known_models
        own = next((each for each in known if each.name == self.seen.model), None)
        probe_at = self.breaker.probe_due_at(is_last_hope=self.is_last_hope)
        return NodeStatus(
            name=self.name,
            url=self.client.url if self.client else "",
            state=self.seen.state,
            model=self.seen.model,
            in_flight=self.in_flight,
            breaker=self.breaker.state,
            reason=self.seen.reason,
            retry_after_s=None if probe_at is None else max(0.0, probe_at - now),
            prefill_tokens_per_s=speed.prefill.value(),
            decode_tokens_per_s=speed.decode.value(),
            models=list(self.seen.models),
            fim=own.fim if own else None,
            chat=own.chat if own else None,
            context_tokens=own.context_tokens if own else None,
            known_models=known,
        )

    def _probe_due_at(self, now: float) -> float:
        return self.breaker.probe_due_at(is_last_hope=self.is_last_hope) or now

    def _speeds(self, now: float) -> NodeSpeeds:
        return NodeSpeeds(
            model=self.seen.model,
            speeds=self.speeds,
            prefixes=self.prefixes,
            loaded=self.seen.loaded,
            is_cold=self.seen.is_cold,
            backlog_s=sum(max(0.0, end - now) for end in self.ends.values()),
            slots=self.slots or self.seen.slots or 1,
            has_gpu=self.is_gpu,
        )

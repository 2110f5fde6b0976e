"""How long a request will take on a node. Pure.

    first token = queue + load + uncached prompt / prefill
    total       = first token + n / decode

What was not measured is assumed: from the same node with another model (by the ratio of sizes), or
from the fastest known node of its kind (with a GPU, or without) with this model, so that a new node
is tried and found out, or from the figures below. A prediction that rests on an assumption says
so, and nobody is refused for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.core.speeds import Speed, fastest
from orchestrator.core.tiers import size_b


@dataclass(frozen=True)
class Assumptions:
    """What holds for what was never measured: a model of 1.5 billion on an old CPU.

    The two factors are a small card's over such a CPU: memory is faster by one, arithmetic by more.
    """

    prefill_tokens_per_s: float = 60.0
    decode_tokens_per_s: float = 10.0
    load_s: float = 8.0
    size_b: float = 1.5
    prefill_over_decode: float = 6.0
    chars_per_token: float = 3.5
    used_of_max: float = 0.5
    cached_of_prefix: float = 0.8
    gpu_prefill_factor: float = 20.0
    gpu_decode_factor: float = 6.0


@dataclass(frozen=True)
class Work:
    """What a request asks of a node; `lane` is the cache key of its document."""

    prompt_chars: int
    max_tokens: int
    lane: str | None = None


@dataclass(frozen=True)
class NodeSpeeds:
    """What prediction needs of a node: its speeds by model, and whose prefix each lane left.

    `loaded` are the models that it holds in memory; empty if it doesn't say.
    """

    model: str | None
    speeds: Mapping[str, Speed] = field(default_factory=dict)
    prefixes: Mapping[str, str] = field(default_factory=dict)
    loaded: frozenset[str] = frozenset()
    is_cold: bool = False
    backlog_s: float = 0.0
    slots: int = 1
    has_gpu: bool = False


@dataclass(frozen=True, slots=True)
class Prediction:
    """Seconds; `is_measured` tells whether the node was seen at this work before."""

    queue_s: float
    load_s: float
    prefill_s: float
    decode_s: float
    token_interval_s: float
    prompt_tokens: float
    uncached_tokens: float
    is_measured: bool

    @property
    def first_token_s(self) -> float:
        """Until something is seen."""
        return self.queue_s + self.load_s + self.prefill_s

    @property
    def service_s(self) -> float:
        """How long the node is kept busy."""
        return self.load_s + self.prefill_s + self.decode_s

    @property
    def total_s(self) -> float:
        """Until the answer is complete."""
        return self.queue_s + self.service_s


def first_token_ms(prediction: Prediction | None) -> float | None:
    """Return the predicted milliseconds to the first token, where there is a prediction."""
    return None if prediction is None else prediction.first_token_s * 1000


def total_ms(prediction: Prediction | None) -> float | None:
    """Return the predicted milliseconds to the end, where there is a prediction."""
    return None if prediction is None else prediction.total_s * 1000


def predict(
    work: Work,
    node: NodeSpeeds,
    model: str | None,
    others: Mapping[str, Speed] | None = None,
    assumed: Assumptions | None = None,
) -> Prediction:
    """Predict `work` with `model` (None: the node's own).

    `others` has the speed of the fastest node of the same kind, by model.
    """
    assumed = assumed or Assumptions()
    name = model or node.model or ""
    own = node.speeds.get(name)
    is_measured = own is not None and own.decode.value() is not None
    known = own if own is not None and is_measured else (others or {}).get(name) or Speed()
    prefill, decode = _rates(name, node, known, assumed)
    tokens = work.prompt_chars / (known.chars_per_token.value() or assumed.chars_per_token)
    uncached = tokens * (1 - _cached_share(work, node, name, known, assumed))
    wanted = work.max_tokens * (known.used_of_max.value() or assumed.used_of_max)
    is_another = model is not None and node.model not in (None, model)
    must_load = (node.is_cold or is_another) and name not in node.loaded
    return Prediction(
        queue_s=node.backlog_s / max(1, node.slots),
        load_s=(known.load.value() or assumed.load_s) if must_load else 0.0,
        prefill_s=uncached / prefill,
        decode_s=wanted / decode,
        token_interval_s=1 / decode,
        prompt_tokens=tokens,
        uncached_tokens=uncached,
        is_measured=is_measured,
    )


def _cached_share(
    work: Work, node: NodeSpeeds, model: str, speed: Speed, assumed: Assumptions
) -> float:
    if work.lane is None or node.is_cold or node.prefixes.get(work.lane) != model:
        return 0.0
    return min(1.0, speed.cached_of_prefix.value() or assumed.cached_of_prefix)


def _rates(model: str, node: NodeSpeeds, known: Speed, assumed: Assumptions) -> tuple[float, float]:
    """Return tokens per second of prefill and decode: measured, or inferred, or assumed."""
    share = 1.0
    if model not in node.speeds and (other := fastest(node.speeds)) is not None:
        share = _size_b(other, assumed) / _size_b(model, assumed)
        known = node.speeds[other]
    decode = known.decode.value()
    if decode is None:
        share = assumed.size_b / _size_b(model, assumed)
        prefill, decode = assumed.prefill_tokens_per_s, assumed.decode_tokens_per_s
        if node.has_gpu:
            prefill, decode = (
                prefill * assumed.gpu_prefill_factor,
                decode * assumed.gpu_decode_factor,
            )
        return prefill * share, decode * share
    # Prefill is bound by arithmetic and decode by memory; on a CPU they differ by this much.
    prefill = known.prefill.value() or assumed.prefill_over_decode * decode
    return prefill * share, decode * share


def _size_b(model: str, assumed: Assumptions) -> float:
    return size_b(model) or assumed.size_b


@dataclass(frozen=True)
class Allowance:
    """How long a node may be silent before its first token and between two, and take in all."""

    first_token_s: float
    between_tokens_s: float
    total_s: float


@dataclass(frozen=True)
class Tolerance:
    """How far from its prediction a node may be before it counts as stuck."""

    stall_s: float = 60.0
    least_stall_s: float = 10.0
    first_token_factor: float = 5.0
    token_interval_factor: float = 40.0
    total_factor: float = 10.0


def allow(prediction: Prediction, max_tokens: int, tolerance: Tolerance) -> Allowance:
    """Return the timeouts for an attempt: a slow node gets its time, a stuck one is noticed.

    A node that was measured may be silent for `least_stall_s` at the least, one that was not for
    `stall_s`; both for as many times their own prediction as the factors say.
    """
    least_s = tolerance.stall_s
    if prediction.is_measured:
        least_s = min(tolerance.stall_s, tolerance.least_stall_s)
    longest_s = prediction.first_token_s + max_tokens * prediction.token_interval_s
    return Allowance(
        first_token_s=max(least_s, tolerance.first_token_factor * prediction.first_token_s),
        between_tokens_s=max(
            least_s, tolerance.token_interval_factor * prediction.token_interval_s
        ),
        total_s=10 * least_s + tolerance.total_factor * longest_s,
    )

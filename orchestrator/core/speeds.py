"""What a node's own timings teach of its speed with one model. Pure.

Each sum fades by `FADING` at every observation, so that a rate is weighted by work (a long prefill
says more of prefill than a cached one) and a machine that has become slower is soon seen as such.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

FADING = 0.85  # an observation counts half after four others: a laptop on battery shows soon
FIRST_TOKENS_KEPT = 64  # enough for a 95th percentile
FIRST_TOKENS_NEEDED = 20  # below this, a 95th percentile is the largest of a few
MIN_MEASURED_S = 1e-4  # engines report whole stages as zero when all was cached


@dataclass(frozen=True)
class Served:
    """One answer, as the engine timed it; tokens and seconds of each stage."""

    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    max_tokens: int
    prompt_chars: int
    prefill_s: float
    decode_s: float
    load_s: float
    first_token_s: float | None
    had_prefix: bool = False


@dataclass
class Ratio:
    """A quotient of two fading sums; None until something was measured."""

    above: float = 0.0
    below: float = 0.0

    def learn(self, above: float, below: float) -> None:
        """Take one measurement in."""
        self.above = self.above * FADING + above
        self.below = self.below * FADING + below

    def value(self) -> float | None:
        """Return the quotient."""
        return self.above / self.below if self.below > MIN_MEASURED_S and self.above > 0 else None


@dataclass
class Speed:
    """One (node, model): tokens per second, seconds to load, shares of 1."""

    prefill: Ratio = field(default_factory=Ratio)
    decode: Ratio = field(default_factory=Ratio)
    load: Ratio = field(default_factory=Ratio)
    success: Ratio = field(default_factory=lambda: Ratio(1.0, 1.0))
    used_of_max: Ratio = field(default_factory=Ratio)
    chars_per_token: Ratio = field(default_factory=Ratio)
    cached_of_prefix: Ratio = field(default_factory=Ratio)
    first_tokens_s: deque[float] = field(default_factory=lambda: deque(maxlen=FIRST_TOKENS_KEPT))
    served: int = 0
    failed_at: float | None = None

    def on_served(self, one: Served) -> None:
        """Learn from an answer that came to its end."""
        self.served += 1
        self.success.learn(1.0, 1.0)
        if one.prefill_s > MIN_MEASURED_S:
            self.prefill.learn(one.prompt_tokens - one.cached_tokens, one.prefill_s)
        if one.decode_s > MIN_MEASURED_S:
            self.decode.learn(one.completion_tokens, one.decode_s)
        if one.load_s > MIN_MEASURED_S:
            self.load.learn(one.load_s, 1.0)
        self.used_of_max.learn(one.completion_tokens, one.max_tokens)
        self.chars_per_token.learn(one.prompt_chars, one.prompt_tokens)
        if one.had_prefix:
            self.cached_of_prefix.learn(one.cached_tokens, max(1, one.prompt_tokens))
        if one.first_token_s is not None:
            self.first_tokens_s.append(one.first_token_s)

    def on_failed(self, now: float) -> None:
        """Learn from an attempt that the node failed."""
        self.success.learn(0.0, 1.0)
        self.failed_at = now

    @property
    def success_rate(self) -> float:
        """The share of attempts that went well, the late ones counting more."""
        return self.success.above / self.success.below

    def late_first_token_s(self) -> float | None:
        """Return the 95th percentile of the time to the first token, None while unknown."""
        if len(self.first_tokens_s) < FIRST_TOKENS_NEEDED:
            return None
        ordered = sorted(self.first_tokens_s)
        return ordered[int(0.95 * len(ordered))]


def fastest(speeds: Mapping[str, Speed]) -> str | None:
    """Return whose speed decodes fastest among those that were measured."""
    measured = {name: rate for name, each in speeds.items() if (rate := each.decode.value())}
    return max(measured, key=lambda name: measured[name], default=None)

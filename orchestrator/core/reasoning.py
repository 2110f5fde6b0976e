"""Whether a model thinks before it answers, which one, and for how long. Pure.

    mode     complexity          thinking tokens
    off      any                 0
    auto     below WORTH_IT      0
    auto     below `deep_from`   up to half of the budget, the more the harder
    always   below `deep_from`   the same, but as for WORTH_IT at the least
    both     from `deep_from`    the whole budget

The model is the one that the request names, by itself or by its tier; else the configured one, else
the first of the tier `reasoning` that the pool has. If the pool has none that thinks, the request
is answered as if nobody had thought of thinking.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from orchestrator.core.thinking import thinks
from orchestrator.core.tiers import has_model

ReasoningMode = Literal["auto", "off", "always"]

WORTH_IT = 4.0  # of 10: below it, answers get later and hardly better
SHARE_BELOW_DEEP = 0.5
LEAST_TOKENS = 32  # no thought fits in fewer
SHARE_OF_TIME = 0.5  # of what is left until the deadline; the rest is for the answer


@dataclass(frozen=True)
class ReasoningPolicy:
    """What the pool's owner wants; `model` None is the tier's first one.

    Without `uses_model`, no other model is asked than would be anyway.
    """

    mode: ReasoningMode = "auto"
    model: str | None = None
    uses_model: bool = True
    max_thinking_tokens: int = 6000
    deep_from: float = 9.5


@dataclass(frozen=True)
class Reasoning:
    """A decision to think: with which model, about what, and for how many tokens at the most."""

    model: str
    complexity: float
    thinking_tokens: int


def reason(
    policy: ReasoningPolicy,
    complexity: float,
    wanted: Sequence[str],
    tier: Sequence[str],
    served: Sequence[str],
) -> Reasoning | None:
    """Decide for an instruction of this complexity (0 to 10); None: it is answered at once.

    `wanted` are the models that the request accepts, best first (none: any), `tier` those of the
    tier `reasoning`, `served` those of the pool.
    """
    tokens = thinking_tokens(policy, complexity)
    if tokens < LEAST_TOKENS:
        return None
    own = (policy.model,) if policy.model else tuple(tier)
    candidates = wanted or (own if policy.uses_model else ())
    model = next((name for each in candidates if (name := has_model(served, each))), None)
    if model is None or not (thinks(model) or _is_configured(policy, model)):
        return None
    return Reasoning(model, complexity, tokens)


def thinking_tokens(policy: ReasoningPolicy, complexity: float) -> int:
    """Return how many tokens of thought an instruction is worth."""
    if policy.mode == "off" or (policy.mode == "auto" and complexity < WORTH_IT):
        return 0
    if complexity >= policy.deep_from:
        return policy.max_thinking_tokens
    share = SHARE_BELOW_DEEP * max(WORTH_IT, complexity) / 10
    return int(policy.max_thinking_tokens * share)


def in_time(tokens: int, left_s: float | None, interval_s: float) -> int:
    """Return how many of `tokens` there is time for, at `interval_s` each; 0: not worth it."""
    if left_s is None:
        return tokens
    fitting = min(tokens, int(SHARE_OF_TIME * max(0.0, left_s) / interval_s))
    return fitting if fitting >= LEAST_TOKENS else 0


def _is_configured(policy: ReasoningPolicy, model: str) -> bool:
    return policy.model is not None and has_model([model], policy.model) is not None

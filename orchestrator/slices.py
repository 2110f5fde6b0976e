"""What each part gets of the configuration: at the start, and again when it is reloaded."""

from orchestrator.choices import Preferences
from orchestrator.config import Config
from orchestrator.core.admission import AdmissionLimits
from orchestrator.core.prediction import Tolerance
from orchestrator.core.reasoning import ReasoningPolicy
from orchestrator.core.tiers import DEFAULT_TIERS
from orchestrator.dispatch import Patience


def admission_limits(config: Config) -> AdmissionLimits:
    """Return how much may go on at once."""
    return AdmissionLimits(
        config.places,
        config.max_queued,
        config.shed_retry_after_s,
        config.places_async,
        config.ageing_s,
        config.deadline_margin,
    )


def preferences(config: Config) -> Preferences:
    """Return what a request gets that does not say otherwise."""
    return Preferences(config.default_mode, {**DEFAULT_TIERS, **config.tiers})


def patience(config: Config) -> Patience:
    """Return how long to wait for what."""
    return Patience(config.start_wait_s, Tolerance(config.stall_s, config.least_stall_s))


def reasoning_policy(config: Config) -> ReasoningPolicy:
    """Return who thinks before answering, and for how long."""
    return ReasoningPolicy(
        config.reasoning_mode,
        config.reasoning_model,
        config.use_reasoning_model,
        config.max_thinking_tokens,
        config.deep_thinking_threshold,
    )


def min_vram_mb(config: Config) -> float:
    """Return the VRAM below which a GPU is full; 0 where it doesn't count."""
    return config.min_vram_mb if config.vram_monitoring else 0.0

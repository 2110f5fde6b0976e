"""Holds a model against the memory that is free, before an engine is started with it."""

import logging
from pathlib import Path

from cerebrum_kit.logs import event
from node_backend.cards import Reading
from node_backend.core.ledger import MIB, Plan, TooLarge, fits, needs_of
from node_backend.engines.llama_cpp_settings import EngineSettings

log = logging.getLogger(__name__)


def plan_of(settings: EngineSettings) -> Plan:
    """Return what the ledger needs to know of how an engine is to be started."""
    return Plan(
        context_tokens=settings.context_tokens,
        slots=settings.slots,
        batch_tokens=settings.batch_tokens,
        prompt_cache_bytes=settings.prompt_cache_mib * MIB,
        kv_type=settings.kv_type,
    )


def too_large(settings: EngineSettings, reading: Reading, *, free_bytes: int) -> str | None:
    """Return why the model doesn't fit, with figures and what would; None if it does.

    What is wrong with a file is left to the engine to say: it may know more kinds than we do.
    """
    if reading.card is None:
        log.warning(event("model.not_measured", reason=reading.problem))
        return None
    verdict = fits(reading.card.shape, plan_of(settings), max(0, free_bytes))
    return verdict.explain() if isinstance(verdict, TooLarge) else None


def needs_bytes(settings: EngineSettings, reading: Reading) -> int:
    """Return what the model takes when it is loaded; of a file that can't be read, its size."""
    if reading.card is not None:
        return needs_of(reading.card.shape, plan_of(settings)).total
    try:
        return Path(settings.model_path).stat().st_size
    except OSError:
        return 0

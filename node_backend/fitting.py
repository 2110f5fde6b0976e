"""Holds a model file against the memory that is free, before an engine is started with it."""

import logging
from pathlib import Path

from cerebrum_kit.logs import event
from node_backend.core.gguf_header import Header, HeaderError, TruncatedHeaderError, parse_header
from node_backend.core.ledger import MIB, Plan, TooLarge, fits
from node_backend.core.model_shape import shape_of
from node_backend.engines.llama_cpp_settings import EngineSettings

WINDOWS_BYTES = (4 * MIB, 64 * MIB)  # most headers end in the first; vocabularies make some longer

log = logging.getLogger(__name__)


def read_header(path: Path) -> Header:
    """Return the header of a GGUF file. Raises HeaderError or OSError."""
    with path.open("rb") as file:
        window = b""
        for size in WINDOWS_BYTES:
            window += file.read(size - len(window))
            try:
                return parse_header(window)
            except TruncatedHeaderError:
                if len(window) < size:
                    raise
    raise HeaderError(f"its header is longer than {WINDOWS_BYTES[-1]} bytes")


def too_large(settings: EngineSettings, *, free_bytes: int) -> str | None:
    """Return why the model doesn't fit, with figures and what would; None if it does.

    What is wrong with a file is left to the engine to say: it may know more kinds than we do.
    """
    try:
        shape = shape_of(read_header(Path(settings.model_path)))
    except (HeaderError, OSError) as error:
        log.warning(event("model.not_measured", error=type(error).__name__))
        return None
    plan = Plan(
        context_tokens=settings.context_tokens,
        slots=settings.slots,
        batch_tokens=settings.batch_tokens,
        prompt_cache_bytes=settings.prompt_cache_mib * MIB,
    )
    verdict = fits(shape, plan, max(0, free_bytes))
    return verdict.explain() if isinstance(verdict, TooLarge) else None

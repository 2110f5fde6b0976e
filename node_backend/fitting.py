"""Holds a model file against the memory that is free, before an engine is started with it."""

import logging
from dataclasses import replace
from pathlib import Path

from cerebrum_kit.logs import event
from node_backend.core.gguf_header import Header, HeaderError, TruncatedHeaderError, parse_header
from node_backend.core.ledger import MIB, Plan, TooLarge, fits, needs_of
from node_backend.core.model_shape import shape_of
from node_backend.core.names_files import part_of
from node_backend.engines.llama_cpp_settings import EngineSettings

WINDOWS_BYTES = (4 * MIB, 64 * MIB)  # most headers end in the first; vocabularies make some longer

log = logging.getLogger(__name__)


def read_header(path: Path) -> Header:
    """Return the header of a GGUF file; the tensors of all parts where it is the first of several.

    Raises HeaderError or OSError.
    """
    header = _read_one(path)
    part = part_of(path.name)
    if part is None:
        return header
    tensors = list(header.tensors)
    for number in range(part.number + 1, part.total + 1):
        tensors += _read_one(path.with_name(part.path(number))).tensors
    return replace(header, tensors=tuple(tensors))


def plan_of(settings: EngineSettings) -> Plan:
    """Return what the ledger needs to know of how an engine is to be started."""
    return Plan(
        context_tokens=settings.context_tokens,
        slots=settings.slots,
        batch_tokens=settings.batch_tokens,
        prompt_cache_bytes=settings.prompt_cache_mib * MIB,
        kv_type=settings.kv_type,
    )


def too_large(settings: EngineSettings, *, free_bytes: int) -> str | None:
    """Return why the model doesn't fit, with figures and what would; None if it does.

    What is wrong with a file is left to the engine to say: it may know more kinds than we do.
    """
    try:
        shape = shape_of(read_header(Path(settings.model_path)))
    except (HeaderError, OSError) as error:
        log.warning(event("model.not_measured", error=type(error).__name__))
        return None
    verdict = fits(shape, plan_of(settings), max(0, free_bytes))
    return verdict.explain() if isinstance(verdict, TooLarge) else None


def needs_bytes(settings: EngineSettings) -> int:
    """Return what the model takes when it is loaded; of a file that can't be read, its size."""
    path = Path(settings.model_path)
    try:
        return needs_of(shape_of(read_header(path)), plan_of(settings)).total
    except HeaderError:
        return path.stat().st_size
    except OSError:
        return 0


def _read_one(path: Path) -> Header:
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

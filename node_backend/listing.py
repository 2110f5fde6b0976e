"""What there is to say of each model that was found: from its header, and from the ledger."""

from dataclasses import dataclass
from pathlib import Path

from node_backend.config import Settings
from node_backend.core.gguf_header import HeaderError
from node_backend.core.ledger import MIB, Fits, Plan, TooLarge, fits
from node_backend.core.model_card import Card, card_of
from node_backend.fitting import read_header
from node_backend.hosted_models import hosted_catalog
from node_backend.model_folders import UnusableModel
from node_backend.models import Model, catalog
from node_backend.probe import memory_available_bytes

Stamp = tuple[int, int]  # a file's size and the time of its last change


@dataclass(frozen=True)
class Row:
    """A model, and what is known of it; `problem` says why it can't be run."""

    model: Model
    card: Card | None = None
    verdict: Fits | TooLarge | None = None
    problem: str | None = None

    @property
    def is_runnable(self) -> bool:
        """Whether nothing is known that speaks against it."""
        return self.problem is None and not isinstance(self.verdict, TooLarge)


@dataclass(frozen=True)
class Listed:
    """All models that are there, those that can't be run, and what to say about the places."""

    rows: tuple[Row, ...]
    unusable: tuple[UnusableModel, ...]
    notes: tuple[str, ...]


class Cards:
    """Reads headers, each file's once as long as it stays as it is."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[Stamp, Card | str]] = {}

    def of(self, model: Model) -> Card | str:
        """Return what a model's header says, or why it can't be read."""
        try:
            status = model.path.stat()
        except OSError as error:
            return f"it can't be read: {error.strerror}"
        stamp = (status.st_size, status.st_mtime_ns)
        known_stamp, card = self._known.get(model.path, (None, ""))
        if known_stamp != stamp:
            card = _read(model)
            self._known[model.path] = (stamp, card)
        return card


def listed(settings: Settings) -> Listed:
    """Look into all places, and hold each model against the memory that is free now.

    Of a server's models nothing is known but what it lists.

    Raises UnknownModelError or IncompleteModelError if the chosen model is not there.
    """
    if settings.engine != "llama.cpp":
        return Listed(tuple(map(Row, hosted_catalog(settings).models)), (), ())
    listing = catalog(settings).listing
    free_bytes = memory_available_bytes() - settings.min_memory_available_mib * MIB
    cards = Cards()
    rows = tuple(row(model, cards.of(model), settings, free_bytes) for model in listing.models)
    return Listed(rows, listing.unusable, listing.notes)


def row(model: Model, card: Card | str, settings: Settings, free_bytes: int) -> Row:
    """Return what there is to say of a model, if it may take `free_bytes`."""
    if isinstance(card, str):
        return Row(model, problem=card)
    plan = Plan(
        context_tokens=model.context_tokens,
        slots=settings.slots,
        batch_tokens=settings.batch_tokens,
        prompt_cache_bytes=settings.prompt_cache_mib * MIB,
        kv_type=settings.kv_type,
    )
    return Row(model, card, fits(card.shape, plan, max(0, free_bytes)))


def _read(model: Model) -> Card | str:
    try:
        card = card_of(read_header(model.path))
    except HeaderError as error:
        return f"it is no model that can be run here: {error}"
    except OSError as error:
        return f"it can't be read: {error.strerror}"
    if model.size_bytes < card.shape.weights_bytes:
        return "its file is cut short: get it again"
    return card

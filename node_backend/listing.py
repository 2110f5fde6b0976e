"""What there is to say of each model that was found: from its header, and from the ledger."""

from dataclasses import dataclass

from node_backend.cards import Cards, Reading
from node_backend.config import Settings
from node_backend.core.chat import by_name
from node_backend.core.ledger import MIB, Fits, Plan, TooLarge, fits
from node_backend.core.model_card import Card
from node_backend.hosted_models import hosted_catalog
from node_backend.model_folders import UnusableModel
from node_backend.models import Model, catalog
from node_backend.probe import memory_available_bytes


@dataclass(frozen=True)
class Row:
    """A model, and what is known of it; `problem` says why it can't be run."""

    model: Model
    card: Card | None = None
    verdict: Fits | TooLarge | None = None
    problem: str | None = None
    has_chat: bool | None = None
    """Whether it follows a chat; None: not known."""

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
    rows = tuple(row(model, cards.of(model.path), settings, free_bytes) for model in listing.models)
    return Listed(rows, listing.unusable, listing.notes)


def row(model: Model, reading: Reading, settings: Settings, free_bytes: int) -> Row:
    """Return what there is to say of a model, if it may take `free_bytes`."""
    card, has_chat = reading.card, _has_chat(model, reading)
    if card is None:
        return Row(model, problem=reading.problem, has_chat=has_chat)
    if model.size_bytes < card.shape.weights_bytes:
        return Row(model, problem="its file is cut short: get it again", has_chat=has_chat)
    plan = Plan(
        context_tokens=model.context_tokens,
        slots=settings.slots,
        batch_tokens=settings.batch_tokens,
        prompt_cache_bytes=settings.prompt_cache_mib * MIB,
        kv_type=settings.kv_type,
    )
    verdict = fits(card.shape, plan, max(0, free_bytes))
    return Row(model, card, verdict, has_chat=has_chat)


def _has_chat(model: Model, reading: Reading) -> bool | None:
    """Return what the file says; where it can't tell, what the name says that it is known by."""
    return by_name(model.name) if reading.has_chat is None else reading.has_chat

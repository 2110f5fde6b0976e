"""What a model that llama.cpp has loaded says of itself; above all whether it can fill in."""

from collections.abc import Sequence
from dataclasses import dataclass

from node_backend.core.fim import FimTokens
from node_backend.core.fim_families import FAMILIES, FimFamily, marks_from
from node_backend.engines.llama_cpp_api import LlamaCppApi


@dataclass(frozen=True)
class Fim:
    """A model's family, and the family's markers as this model has them."""

    family: FimFamily
    marks: FimTokens
    has_files: bool
    """Whether text from other files can be marked as such."""


@dataclass(frozen=True)
class ModelFacts:
    """What a loaded model says of itself."""

    context_tokens: int
    """Per slot; no more than the model was trained for."""
    start: tuple[int, ...]
    """What every prompt begins with (BOS), or nothing."""
    fim: Fim | None
    has_chat: bool
    """Whether the model has a chat template of its own."""


async def learn_facts(
    api: LlamaCppApi, *, name: str, suffix_first: bool = False, has_chat: bool = False
) -> ModelFacts:
    """Ask a freshly loaded engine for the facts of its model.

    What it can't tell: what the model is called, whether it was trained with the `suffix_first`,
    and whether the chat template is its own (it has one for every model).
    """
    props = await api.props()
    start = await api.tokenize("", parse_special=True, add_special=True)
    fim = await find_fim(api, name, suffix_first=suffix_first)
    context_tokens: int = props["default_generation_settings"]["n_ctx"]
    return ModelFacts(context_tokens, tuple(start), fim, has_chat)


async def find_fim(api: LlamaCppApi, name: str, *, suffix_first: bool) -> Fim | None:
    """Return the first family whose markers and telltales are all single tokens of the model."""
    for family in FAMILIES:
        if family.by_name_only and not family.has_name(name):
            continue
        ids = await single_tokens(api, (*family.required, *family.telltales))
        if ids is None:
            continue
        files = await single_tokens(api, family.files.markers) if family.files else None
        marks = marks_from(
            family, ids[: len(family.required)], files or (), suffix_first=suffix_first
        )
        return Fim(family, marks, has_files=files is not None)
    return None


async def single_tokens(api: LlamaCppApi, markers: Sequence[str]) -> list[int] | None:
    """Return the markers' ids, or None if one of them is no token of its own."""
    if not markers:
        return []
    ids = await api.tokenize(markers, parse_special=True)
    return ids if len(ids) == len(markers) else None

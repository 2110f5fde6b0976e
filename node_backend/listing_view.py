"""The list of models for a terminal, and for programs."""

import json
from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from node_backend.core.ledger import Fits, Needs, TooLarge
from node_backend.listing import Row
from node_backend.model_folders import UnusableModel

COLUMNS = ("name", "family", "size", "quantisation", "context", "fits", "from")
MB, GB, GIB = 1_000_000, 1_000_000_000, 1 << 30  # files are counted in GB, memory in GiB


def table(rows: Iterable[Row], unusable: Iterable[UnusableModel]) -> Table:
    """Return the models as a table; those that can't be run come last, with the reason."""
    drawn = Table(*COLUMNS, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        style = "green" if isinstance(row.verdict, Fits) else "yellow"
        drawn.add_row(*map(Text, _cells(row)), Text(_fit(row), style), Text(row.model.source))
    for model in unusable:
        drawn.add_row(Text(model.name), *[Text("-")] * 4, Text(f"no: {model.reason}", "red"), "")
    return drawn


def as_json(rows: Iterable[Row], unusable: Iterable[UnusableModel]) -> str:
    """Return the same for programs."""
    listed = [_plain(row) for row in rows]
    listed += [{"name": each.name, "fits": False, "problem": each.reason} for each in unusable]
    return json.dumps({"models": listed}, indent=2)


def _cells(row: Row) -> tuple[str, ...]:
    model, card = row.model, row.card
    size = _size(model.size_bytes)
    if card is None:
        return model.name, "-", size, "-", "-"
    trained = card.shape.trained_context_tokens
    used = min(model.context_tokens, trained)
    family = f"{card.family} {_parameters(card.parameters)}"
    context = str(used) if used == trained else f"{used} of {trained}"
    return model.name, family, size, card.quantisation, context


def _fit(row: Row) -> str:
    match row.verdict:
        case Fits(needs):
            return f"yes, in {needs.total / GIB:.2f} GiB"
        case TooLarge(needs, available, context_tokens, quantisation):
            text = f"no, needs {needs.total / GIB:.2f} of {available / GIB:.2f} GiB"
            if context_tokens:
                return f"{text}; with a context of {context_tokens} it would"
            return f"{text}; as {quantisation} it would" if quantisation else text
        case None:
            return f"no: {row.problem}" if row.problem else "its server decides"


def _size(size_bytes: int) -> str:
    return f"{size_bytes / GB:.1f} GB" if size_bytes >= GB else f"{size_bytes / MB:.0f} MB"


def _parameters(count: int) -> str:
    return f"{count / 1e9:.1f}B" if count >= 1e8 else f"{count / 1e6:.1f}M"


def _plain(row: Row) -> dict[str, object]:
    model, card, verdict = row.model, row.card, row.verdict
    trained = card.shape.trained_context_tokens if card else model.context_tokens
    plain: dict[str, object] = {
        "name": model.name,
        "source": model.source,
        "files": [str(path) for path in (model.path, *model.parts)],
        "size_bytes": model.size_bytes,
        "context_tokens": min(model.context_tokens, trained),
        "fits": row.is_runnable,
        "chat": row.has_chat,
    }
    if card is not None:
        plain |= {
            "family": card.family,
            "parameters": card.parameters,
            "quantisation": card.quantisation,
            "trained_context_tokens": trained,
        }
    if verdict is not None:
        plain["needs_bytes"] = _needs(verdict.needs)
    if isinstance(verdict, TooLarge):
        plain |= {
            "available_bytes": verdict.available_bytes,
            "context_tokens_that_fit": verdict.context_tokens,
            "quantisation_that_fits": verdict.quantisation,
        }
    return plain if row.problem is None else {**plain, "problem": row.problem}


def _needs(needs: Needs) -> dict[str, int]:
    return {
        "weights": needs.weights,
        "kv": needs.kv,
        "compute": needs.compute,
        "prompt_cache": needs.prompt_cache,
        "total": needs.total,
    }

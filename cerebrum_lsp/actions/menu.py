"""What a lightbulb shows at a place: offers without their edits, each with a ticket."""

import asyncio
from collections.abc import Sequence

from lsprotocol import types

from cerebrum_lsp.actions.abilities import Abilities
from cerebrum_lsp.actions.to_lsp import Ticket, offered
from cerebrum_lsp.core.actions.kinds import FIX
from cerebrum_lsp.core.actions.offers import Means, Offer, offers, wanted
from cerebrum_lsp.core.actions.surroundings import surroundings, window_around
from cerebrum_lsp.diagnostics import SOURCE
from cerebrum_lsp.documents import Document

MOST_FIXES = 3  # of diagnostics at one place: a menu is to be read
SHOWN_CHARS = 60
MOST_WORDS = 2000

Menu = list[types.CodeAction | types.Command]


async def menu(
    params: types.CodeActionParams, document: Document, abilities: Abilities, *, has_model: bool
) -> Menu | None:
    """Return what can be done at a place, by the syntax around it; None if that has changed."""
    first, last = _selected_lines(params.range, document)
    version, language = document.version, document.language_id or ""
    window = window_around(document.lines, first, last)
    here = await asyncio.to_thread(surroundings, window, language, first, last)
    if document.version != version:
        return None  # and so another request is on its way
    only = params.context.only
    means = Means(has_model, abilities.creates_files, abilities.asks_for_words)
    found: Menu = [
        offered(offer, _ticket(offer, document, first, last), abilities)
        for offer in offers(here, means)
        if wanted(offer.kind, only)
    ]
    if has_model and wanted(FIX, only):
        found += _fixes(params.context.diagnostics, document, abilities)
    return found


def _fixes(
    diagnostics: Sequence[types.Diagnostic], document: Document, abilities: Abilities
) -> Menu:
    """Offer to fix what other tools report; what this daemon reports isn't in the code."""
    found: Menu = []
    for each in [each for each in diagnostics if each.source != SOURCE][:MOST_FIXES]:
        first, last = _selected_lines(each.range, document)
        message = " ".join(each.message.split())
        shown = message if len(message) <= SHOWN_CHARS else f"{message[:SHOWN_CHARS]}…"
        offer = Offer(FIX, f"Fix by a model: {shown}")
        ticket = _ticket(offer, document, first, last, words=message[:MOST_WORDS])
        found.append(offered(offer, ticket, abilities, each))
    return found


def _selected_lines(selected: types.Range, document: Document) -> tuple[int, int]:
    """Return the lines that a selection touches; one that ends before a line leaves that out."""
    first, last = selected.start.line, selected.end.line
    if last > first and selected.end.character == 0:
        last -= 1
    bottom = max(0, len(document.lines) - 1)
    return min(first, bottom), min(last, bottom)


def _ticket(offer: Offer, document: Document, first: int, last: int, words: str = "") -> Ticket:
    return Ticket(
        kind=offer.kind,
        title=offer.title,
        uri=document.uri,
        version=document.version,
        first_line=first,
        last_line=last,
        words=words,
    )

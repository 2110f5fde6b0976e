"""Offers and changes in the protocol's terms, as far as a client takes them."""

from collections.abc import Sequence
from itertools import count
from pathlib import Path
from urllib.parse import quote

from lsprotocol import types
from pydantic import BaseModel, ConfigDict, Field
from pygls.uris import to_fs_path

from cerebrum_lsp.actions.abilities import Abilities
from cerebrum_lsp.core.actions.kinds import INSTRUCT
from cerebrum_lsp.core.actions.offers import Offer
from cerebrum_lsp.core.actions.values import Change, NewFile, TextChange
from cerebrum_lsp.core.document import units_of
from cerebrum_lsp.documents import Document

ACT = "cerebrum.act"
ASK = "cerebrum.askInstruction"
"""The client's own: it asks the user, and then runs `cerebrum.act` with `words` in the ticket."""
ANNOTATION = "cerebrum"
NOTES_SHOWN = 5  # more belong into the code's review


class Ticket(BaseModel):
    """What is given to the client with an offer, and comes back when it is chosen."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    kind: str = Field(max_length=100)
    title: str = Field(max_length=1000)
    uri: str
    version: int | None
    first_line: int = Field(ge=0)
    last_line: int = Field(ge=0)
    words: str = Field(default="", max_length=10_000)


def offered(
    offer: Offer, ticket: Ticket, abilities: Abilities, cause: types.Diagnostic | None = None
) -> types.CodeAction | types.Command:
    """Return an offer without its edit: resolved when it is chosen, or else as a command."""
    data = ticket.model_dump()
    is_asking = offer.kind == INSTRUCT
    command = types.Command(offer.title, ASK if is_asking else ACT, arguments=[data])
    if not abilities.takes_literals:
        return command
    resolves = abilities.resolves_edits and not is_asking
    return types.CodeAction(
        offer.title,
        kind=offer.kind,
        diagnostics=[cause] if cause else None,
        data=data if resolves else None,
        command=None if resolves else command,
    )


def workspace_edit(change: Change, document: Document, abilities: Abilities) -> types.WorkspaceEdit:
    """Return a change of a document, for the version that it has now."""
    ranges = [(range_of(each, document), each.text) for each in change.changes]
    if not abilities.takes_versions:
        return types.WorkspaceEdit(
            changes={document.uri: [types.TextEdit(place, text) for place, text in ranges]}
        )
    identifier = types.OptionalVersionedTextDocumentIdentifier(document.uri, document.version)
    if not abilities.takes_annotations:
        plain = [types.TextEdit(place, text) for place, text in ranges]
        return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(identifier, plain)])
    noted = [types.AnnotatedTextEdit(ANNOTATION, place, text) for place, text in ranges]
    return types.WorkspaceEdit(
        document_changes=[types.TextDocumentEdit(identifier, noted)],
        change_annotations={ANNOTATION: annotation_of(change)},
    )


def file_edit(change: Change, file: NewFile, beside: str) -> types.WorkspaceEdit:
    """Return the edit that makes a file beside a document, under a name that is free.

    Looks at the disk, so not for the event loop.
    """
    folder = beside.rpartition("/")[0]
    stem, dot, suffix = file.name.rpartition(".")
    names = (f"{stem}{'' if n == 1 else f'_{n}'}{dot}{suffix}" for n in count(1))
    uris = (f"{folder}/{quote(name)}" for name in names)
    uri = next(each for each in uris if not Path(to_fs_path(each) or "").exists())
    start = types.Position(0, 0)
    text = types.AnnotatedTextEdit(ANNOTATION, types.Range(start, start), file.text)
    document = types.OptionalVersionedTextDocumentIdentifier(uri)
    return types.WorkspaceEdit(
        document_changes=[
            types.CreateFile(uri, annotation_id=ANNOTATION),
            types.TextDocumentEdit(document, [text]),
        ],
        change_annotations={ANNOTATION: annotation_of(change)},
    )


def annotation_of(change: Change) -> types.ChangeAnnotation:
    """Return what an edit says of itself; what wasn't checked wants to be confirmed."""
    label = f"{change.label} (needs review)" if change.review else change.label
    described = "; ".join(filter(None, [change.review, words_of_notes(change)]))
    return types.ChangeAnnotation(label, bool(change.review), described or None)


def words_of_notes(change: Change) -> str:
    """Return the notes of a change in one sentence, their lines as an editor counts them."""
    shown = [f"line {note.line}: {note.message}" for note in change.notes[:NOTES_SHOWN]]
    more = len(change.notes) - len(shown)
    return "; ".join([*shown, f"and {more} more"] if more else shown)


def range_of(change: TextChange, document: Document) -> types.Range:
    """Return a change's place in the client's units."""
    return types.Range(
        _position(change.start_line, change.start_column, document.lines, document.encoding),
        _position(change.end_line, change.end_column, document.lines, document.encoding),
    )


def _position(line: int, column: int, lines: Sequence[str], encoding: str) -> types.Position:
    before = lines[line][:column] if line < len(lines) else ""
    return types.Position(line, units_of(before, encoding))

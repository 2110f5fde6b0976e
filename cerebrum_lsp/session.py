"""What the editor has open, as immutable snapshots of it."""

import hashlib
from urllib.parse import unquote

from lsprotocol import types
from pygls.workspace import Workspace

from cerebrum_lsp.core.document import Snapshot, split_at, units_of
from cerebrum_lsp.documents import Document, encoding_of


def open_document(workspace: Workspace, uri: str) -> Document | None:
    """Return an open document; None for any other, which pygls would look for on the disk."""
    document = workspace.text_documents.get(unquote(uri))
    return document if isinstance(document, Document) else None


def snapshot(workspace: Workspace, uri: str, position: types.Position) -> Snapshot | None:
    """Return the document as it is now, split at `position`; None if it is not open."""
    document = open_document(workspace, uri)
    if document is None:
        return None
    cursor = document.cursor(position)
    prefix, suffix = split_at(document.lines, cursor)
    return Snapshot(
        uri=uri,
        version=document.version,
        language=document.language_id or "plaintext",
        path=relative_path(workspace, document),
        prefix=prefix,
        suffix=suffix,
        cursor=cursor,
    )


def place_after(workspace: Workspace, place: Snapshot, characters: int) -> types.Position:
    """Return, in the client's units, the place so many characters after the cursor in its line.

    A negative number is a place before it.
    """
    if characters < 0:
        passed = place.line_before[:characters]
    else:
        passed = place.line_before + place.line_after[:characters]
    return types.Position(place.cursor.line, units_of(passed, encoding_of(workspace)))


def end_of_change(
    workspace: Workspace, change: types.TextDocumentContentChangeEvent
) -> types.Position | None:
    """Return where the cursor stands after a change, in the client's units, if it is of a part."""
    if not isinstance(change, types.TextDocumentContentChangePartial):
        return None
    start, breaks = change.range.start, change.text.count("\n")
    units = units_of(change.text[change.text.rfind("\n") + 1 :], encoding_of(workspace))
    return types.Position(start.line + breaks, units if breaks else start.character + units)


def document_hash(workspace: Workspace, uri: str) -> str | None:
    """Return the SHA-1 of the text that we hold, in hexadecimal; None for what is not open."""
    document = open_document(workspace, uri)
    if document is None:
        return None
    text = document.source.encode("utf-8", "surrogatepass")
    return hashlib.sha1(text, usedforsecurity=False).hexdigest()


def relative_path(workspace: Workspace, document: Document) -> str:
    """Return the path below its workspace folder, or the bare file name: no home folder leaves."""
    for folder in workspace.folders.values():
        base = folder.uri.rstrip("/") + "/"
        if document.uri.startswith(base):
            return document.uri[len(base) :]
    return document.filename or ""

"""Edits as they come over the wire, read by hand: there is one for each key."""

from typing import Any

from lsprotocol import types


def edit_of(params: object) -> types.DidChangeTextDocumentParams | None:
    """Return the parameters of `textDocument/didChange`, None if they are not well-formed."""
    try:
        return _read(params)
    except (KeyError, TypeError, ValueError):
        return None


def _read(params: Any) -> types.DidChangeTextDocumentParams:
    document = params["textDocument"]
    identifier = types.VersionedTextDocumentIdentifier(
        version=document["version"], uri=_text(document["uri"])
    )
    return types.DidChangeTextDocumentParams(
        identifier, [_change(change) for change in params["contentChanges"]]
    )


def _change(change: Any) -> types.TextDocumentContentChangeEvent:
    text = _text(change["text"])
    if change.get("range") is None:
        return types.TextDocumentContentChangeWholeDocument(text)
    start, end = change["range"]["start"], change["range"]["end"]
    return types.TextDocumentContentChangePartial(
        types.Range(
            types.Position(start["line"], start["character"]),
            types.Position(end["line"], end["character"]),
        ),
        text,
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value

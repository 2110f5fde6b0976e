"""Applies edits as an editor does, to check what the user would have."""

import re
from collections.abc import Sequence

from lsprotocol import types

LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+\Z|\Z")

CAPABLE = types.ClientCapabilities(
    text_document=types.TextDocumentClientCapabilities(
        code_action=types.CodeActionClientCapabilities(
            code_action_literal_support=types.ClientCodeActionLiteralOptions(
                types.ClientCodeActionKindOptions(["quickfix", "refactor"])
            ),
            data_support=True,
            honors_change_annotations=True,
            resolve_support=types.ClientCodeActionResolveOptions(["edit"]),
        )
    ),
    workspace=types.WorkspaceClientCapabilities(
        apply_edit=True,
        workspace_edit=types.WorkspaceEditClientCapabilities(
            document_changes=True,
            resource_operations=[types.ResourceOperationKind.Create],
            change_annotation_support=types.ChangeAnnotationsSupportOptions(),
        ),
    ),
    window=types.WindowClientCapabilities(work_done_progress=True),
)
"""What VS Code says of itself."""

MODEST = types.ClientCapabilities(
    workspace=types.WorkspaceClientCapabilities(apply_edit=True),
)
"""A client that takes commands and applies edits, and nothing else."""


Edit = types.TextEdit | types.AnnotatedTextEdit


def with_edits(text: str, edits: Sequence[Edit], encoding: str = "utf-16") -> str:
    """Return the text after edits, which must not overlap; all count in the text as it was."""
    places = [
        (offset(text, edit.range.start, encoding), offset(text, edit.range.end, encoding), edit)
        for edit in edits
    ]
    done, pieces = 0, list[str]()
    for start, end, edit in sorted(places, key=lambda place: place[:2]):
        assert done <= start <= end, "edits overlap"
        pieces += [text[done:start], edit.new_text]
        done = end
    return "".join([*pieces, text[done:]])


def offset(text: str, position: types.Position, encoding: str) -> int:
    """Return the index of a position, which must be in the text."""
    lines = LINE.findall(text)
    assert position.line < len(lines), "a position after the last line"
    line = lines[position.line]
    unit = 2 if encoding == "utf-16" else 1
    before = line.encode(f"{encoding}-le" if unit == 2 else encoding)[: position.character * unit]
    assert len(before) == position.character * unit, "a position after the line's end"
    return sum(map(len, lines[: position.line])) + len(
        before.decode(f"{encoding}-le" if unit == 2 else encoding)
    )


def document_edits(edit: types.WorkspaceEdit, uri: str) -> list[Edit]:
    """Return the edits of one document, from whichever form the answer has."""
    if edit.changes is not None:
        return list(edit.changes[uri])
    return [
        each
        for change in edit.document_changes or ()
        if isinstance(change, types.TextDocumentEdit) and change.text_document.uri == uri
        for each in change.edits
        if isinstance(each, Edit)
    ]

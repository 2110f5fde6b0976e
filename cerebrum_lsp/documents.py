"""The open documents, kept as lines: pygls's workspace with documents of our own.

pygls joins and splits the whole text at every edit, and splits it where no editor does.
"""

from collections.abc import Sequence

from lsprotocol import types
from pygls.workspace import TextDocument, Workspace

from cerebrum_lsp.core.document import Cursor, column_of
from cerebrum_lsp.core.lines import Lines


class Document(TextDocument):
    """An open document; it never reads the disk."""

    def __init__(self, uri: str, text: str, version: int | None, language: str | None) -> None:
        super().__init__(uri, source=None, version=version, language_id=language)
        self._text = Lines(text)
        self.encoding = "utf-16"

    @property
    def source(self) -> str:
        """The whole text."""
        return self._text.text

    @property
    def lines(self) -> Sequence[str]:
        """The lines with their ends, as editors count them."""
        return self._text.lines

    def apply_change(self, change: types.TextDocumentContentChangeEvent) -> None:
        """Apply one change of `textDocument/didChange`."""
        if isinstance(change, types.TextDocumentContentChangePartial):
            start, end = self.cursor(change.range.start), self.cursor(change.range.end)
            self._text.replace(start, end, change.text)
        else:
            self._text = Lines(change.text)

    def cursor(self, position: types.Position) -> Cursor:
        """Return the place of a client's position."""
        lines = self._text.lines
        line = lines[position.line] if position.line < len(lines) else ""
        return Cursor(position.line, column_of(line, position.character, self.encoding))


class Documents(Workspace):
    """A workspace whose documents are ours."""

    def _create_text_document(
        self,
        doc_uri: str,
        source: str | None = None,
        version: int | None = None,
        language_id: str | None = None,
    ) -> Document:
        document = Document(doc_uri, source or "", version, language_id)
        document.encoding = encoding_of(self)
        return document


def encoding_of(workspace: Workspace) -> str:
    """Return the position encoding that was agreed on at the handshake."""
    encoding = workspace.position_encoding or types.PositionEncodingKind.Utf16
    return encoding.value if isinstance(encoding, types.PositionEncodingKind) else encoding


def documents_of(workspace: Workspace) -> Documents:
    """Return a workspace like the given one, which must not have open documents yet."""
    folders = list(workspace.folders.values())
    return Documents(workspace.root_uri, workspace._sync_kind, folders, workspace.position_encoding)

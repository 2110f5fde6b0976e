"""The documents that are open in the editor, and what the session tells beside their text."""

from collections import deque
from collections.abc import Sequence

from cerebrum_lsp.core.document import Cursor, column_of, split_at
from cerebrum_lsp.core.index.incremental import Edit
from cerebrum_lsp.core.lines import Lines
from cerebrum_lsp.core.retrieval import Hints
from cerebrum_lsp.indexing.messages import TextChange

RECENT_EDITS = 24
EDIT_CHARS = 400
"""So much of an edit says what it was about; a pasted file says too much."""
VISITS = 12
VISIT_LINES = 20
"""Lines on either side of a place that its visitor has seen."""


BEGIN_CHARS = 20_000
END_CHARS = 60_000
SUFFIX_CHARS = 8_000
"""To look through a longer text takes longer than anybody would wait."""


class OpenDocument:
    """A document's text; `key` is its name in the index."""

    def __init__(self, key: str, text: str) -> None:
        self.key = key
        self.lines = Lines(text)

    def around(self, line: int, column: int) -> tuple[str, str]:
        """Return the text before and after a place; of a long one its beginning and its end.

        The beginning has the imports, the end what is being written.
        """
        prefix, suffix = split_at(self.lines.lines, Cursor(line, column))
        if len(prefix) > BEGIN_CHARS + END_CHARS:
            begin = prefix[: prefix.rfind("\n", 0, BEGIN_CHARS) + 1]
            end = prefix[prefix.find("\n", len(prefix) - END_CHARS) + 1 :]
            prefix = begin + end
        return prefix, suffix[:SUFFIX_CHARS]


class Session:
    """Open documents by their absolute paths, recent edits and visits; the latest stand first."""

    def __init__(self, encoding: str) -> None:
        self.documents: dict[str, OpenDocument] = {}
        self._encoding = encoding
        self._edits: deque[str] = deque(maxlen=RECENT_EDITS)
        self._visits: deque[tuple[str, int, int]] = deque(maxlen=VISITS)

    def open(self, key: str, path: str, text: str) -> OpenDocument:
        """Take in a document."""
        document = self.documents[path] = OpenDocument(key, text)
        return document

    def close(self, path: str) -> OpenDocument | None:
        """Forget a document; None if it was not known."""
        return self.documents.pop(path, None)

    def is_open(self, key: str) -> bool:
        """Whether a file of the index is open."""
        return any(document.key == key for document in self.documents.values())

    def apply(self, document: OpenDocument, changes: Sequence[TextChange]) -> list[Edit] | None:
        """Change a document's text; return the edits one after the other, None for a whole text."""
        edits: list[Edit] | None = []
        for change in changes:
            if change.start is None or change.end is None:
                document.lines, edits = Lines(change.text), None
                continue
            lines = document.lines.lines
            start = self._cursor(lines, change.start)
            end = self._cursor(lines, change.end)
            if edits is not None:
                first = _offset(lines, start)
                edits.append(Edit(first, first + _length(lines, start, end), change.text))
            document.lines.replace(start, end, change.text)
            if change.text.strip():
                self._edits.appendleft(change.text[:EDIT_CHARS])
        return edits

    def visited(self, key: str, line: int) -> None:
        """Note that somebody was at a line (1-based)."""
        seen = (key, max(1, line - VISIT_LINES), line + VISIT_LINES)
        if not self._visits or self._visits[0][0] != key:
            self._visits.appendleft(seen)

    def hints(self, document: OpenDocument) -> Hints:
        """Return what the session knows, for a place in `document`."""
        others = [each.key for each in self.documents.values() if each is not document]
        return Hints(tuple(self._edits), tuple(self._visits), tuple(reversed(others)))

    def _cursor(self, lines: Sequence[str], position: tuple[int, int]) -> Cursor:
        line, units = position
        text = lines[line] if line < len(lines) else ""
        return Cursor(line, column_of(text, units, self._encoding))


def _offset(lines: Sequence[str], cursor: Cursor) -> int:
    """Return how many characters stand before a place."""
    if cursor.line >= len(lines):
        return sum(map(len, lines))
    return sum(map(len, lines[: cursor.line])) + min(cursor.column, len(lines[cursor.line]))


def _length(lines: Sequence[str], start: Cursor, end: Cursor) -> int:
    """Return how many characters stand between two places."""
    if start.line >= len(lines):
        return 0
    until = end if end.line < len(lines) else Cursor(len(lines), 0)
    return sum(map(len, lines[start.line : until.line])) - start.column + until.column

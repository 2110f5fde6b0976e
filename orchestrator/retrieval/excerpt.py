"""A part of a document: which of its characters are kept, and how that reads. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.retrieval.document import Document

ELLIPSIS = "…"
COMMENTS = {
    "# …": "python ruby shellscript yaml toml",
    "-- …": "lua sql",
    "// …": (
        "javascript typescript typescriptreact go rust c cpp java csharp php kotlin swift scala"
    ),
    "/* … */": "css",
    "<!-- … -->": "html markdown",
}
GAPS = {language: mark for mark, names in COMMENTS.items() for language in names.split()}


@dataclass(frozen=True)
class Piece:
    """Characters of a document from `start` on, and the 1-based lines that they hold whole."""

    start: int
    text: str
    lines: range


class Excerpt:
    """Collects spans of one document; what it returns is verbatim and in source order."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.gap = GAPS.get(document.language or "", ELLIPSIS)
        self._kept = bytearray(len(document.text))
        self.chars = 0

    def add(self, start: int, end: int) -> None:
        """Keep the characters from `start` up to `end`."""
        self.chars += self.cost(start, end)
        self._kept[start:end] = b"\1" * (end - start)

    def holds_some(self, start: int, end: int) -> bool:
        """Whether any character from `start` up to `end` is kept."""
        return self._kept.find(1, start, end) >= 0

    def cost(self, start: int, end: int) -> int:
        """Return by how many characters `render` grows at most when this span is added."""
        added = self._kept.count(0, start, end)
        return added and added + len(self.gap) + self._indent(start) + 2

    def _indent(self, start: int) -> int:
        text = self.document.text
        first = text.rfind("\n", 0, start) + 1
        return len(text[first:start]) + _leading_space(text[start : start + 200])

    def pieces(self) -> Iterator[Piece]:
        """Return the runs of kept characters in source order."""
        start = self._kept.find(1)
        while start >= 0:
            end = self._kept.find(0, start)
            end = end if end >= 0 else len(self._kept)
            yield Piece(start, self.document.text[start:end], self._whole_lines(start, end))
            start = self._kept.find(1, end)

    def _whole_lines(self, start: int, end: int) -> range:
        starts = self.document.line_starts
        first, last = self.document.line_at(start), self.document.line_at(max(start, end - 1))
        return range(first + (starts[first - 1] < start), last + (starts[last] - 1 <= end))

    def render(self) -> str:
        """Return the kept text; a mark stands where visible text was left out between."""
        shown: list[str] = []
        behind = 0
        for piece in self.pieces():
            between = self.document.text[behind : piece.start]
            if between.strip() and shown:
                indent = piece.text[: _leading_space(piece.text)]
                shown.append(indent + self.gap)
            elif between.count("\n") > 1 and shown:
                shown.append("")
            shown.append(piece.text)
            behind = piece.start + len(piece.text)
        return "\n".join(shown)


def _leading_space(text: str) -> int:
    return len(text) - len(text.lstrip(" \t"))

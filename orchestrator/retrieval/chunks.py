"""A document cut into chunks: by its definitions, or into blocks where there is no grammar. Pure.

Blocks have 1,000 characters and overlap by 150, as in the seeds, but begin and end at line ends
where there are some: a line that is cut in two says nothing to a model.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestrator.retrieval.document import Document
from orchestrator.retrieval.syntax import Definition
from orchestrator.retrieval.syntax.structure import CALLABLES, CONTAINERS

UNITS = CALLABLES | CONTAINERS | {"type", "module", "macro", "table", "heading", "selector"}
"""Kinds of definitions that stand for themselves; variables and fields go with their neighbours."""

BELONGS_BELOW = re.compile(r"\s*(?:#(?:[ #:]|!?\[|$)|//|--(?:\s|$)|@\w)")
"""A line that belongs to the definition below it: a comment, a decorator, an attribute."""

MAX_COMMENT_LINES = 200
LONG_CALLABLE_CHARS = 4000  # a function that holds functions is cut into them from here on


@dataclass(frozen=True)
class Chunk:
    """The characters from `start` up to `end`; `parent` is the definition around them, or -1."""

    start: int
    end: int
    parent: int = -1


@dataclass(frozen=True)
class ChunkSize:
    """How large chunks get, in characters."""

    chars: int = 1000
    overlap_chars: int = 150


def chunks_of(document: Document, size: ChunkSize) -> list[Chunk]:
    """Return the chunks of a document in source order; together they hold all its visible text."""
    if not document.definitions:
        return list(windows(document, 0, len(document.text), size))
    return list(_Cutter(document, size).cut())


def windows(document: Document, start: int, end: int, size: ChunkSize) -> Iterator[Chunk]:
    """Cut the characters from `start` to `end` into overlapping blocks of whole lines."""
    step = max(1, size.chars - size.overlap_chars)
    for begin in range(start, max(start + 1, end - size.overlap_chars), step):
        stop = min(begin + size.chars, end)
        first = document.text.rfind("\n", max(start, begin - size.overlap_chars), begin) + 1
        last = document.text.rfind("\n", stop - size.overlap_chars, stop) if stop < end else end
        chunk = Chunk(first or begin, last if last > begin else stop)
        if document.text[chunk.start : chunk.end].strip():
            yield chunk


class _Cutter:
    """Walks the definitions of one document once."""

    def __init__(self, document: Document, size: ChunkSize) -> None:
        self.document = document
        self.size = size
        self.children: dict[int, list[int]] = {}
        for index, definition in enumerate(document.definitions):
            if definition.kind in UNITS:
                self.children.setdefault(self._unit_above(definition), []).append(index)

    def cut(self) -> Iterator[Chunk]:
        return self._between(-1, 1, len(self.document.lines))

    def _unit_above(self, definition: Definition) -> int:
        index = definition.parent
        while index >= 0 and self.document.definitions[index].kind not in UNITS:
            index = self.document.definitions[index].parent
        return index

    def _between(self, parent: int, first_line: int, last_line: int) -> Iterator[Chunk]:
        """Cut these lines of a parent into its children and what stands between them."""
        line = first_line
        for child in self.children.get(parent, ()):
            begin, end = lines_of(self.document, child)
            if begin < line or end > last_line:
                continue  # shares a line with its neighbour, and goes with it
            yield from self._gap(parent, line, begin - 1)
            yield from self._unit(parent, child, begin, end)
            line = end + 1
        yield from self._gap(parent, line, last_line)

    def _unit(self, parent: int, index: int, first_line: int, last_line: int) -> Iterator[Chunk]:
        start, end = self.document.span(first_line, last_line)
        kind = self.document.definitions[index].kind
        whole = LONG_CALLABLE_CHARS if kind in CALLABLES else self.size.chars
        if index in self.children and end - start > whole:
            yield from self._between(index, first_line, last_line)
        else:
            yield Chunk(start, end, parent)

    def _gap(self, parent: int, first_line: int, last_line: int) -> Iterator[Chunk]:
        while first_line <= last_line and not self.document.lines[first_line - 1].strip():
            first_line += 1
        while first_line <= last_line and not self.document.lines[last_line - 1].strip():
            last_line -= 1
        if first_line > last_line:
            return
        start, end = self.document.span(first_line, last_line)
        if end - start <= self.size.chars:
            yield Chunk(start, end, parent)
        else:
            for window in windows(self.document, start, end, self.size):
                yield Chunk(window.start, window.end, parent)


def lines_of(document: Document, index: int) -> tuple[int, int]:
    """Return the first and last line of a definition with its comment and attributes before it."""
    definition = document.definitions[index]
    first = min(definition.doc_first or definition.first_line, definition.first_line)
    while first > 1 and (above := _begins_comment(document.lines, first - 1)):
        first = above
    return first, definition.last_line


def _begins_comment(lines: Sequence[str], number: int) -> int:
    """Return the line on which the comment or attribute that ends on line `number` begins, or 0."""
    if BELONGS_BELOW.match(lines[number - 1]):
        return number
    if not lines[number - 1].endswith("*/"):
        return 0
    first = max(1, number - MAX_COMMENT_LINES)
    for begin in range(number, first - 1, -1):
        if "/*" in lines[begin - 1]:
            return begin if lines[begin - 1].lstrip().startswith("/*") else 0
    return 0

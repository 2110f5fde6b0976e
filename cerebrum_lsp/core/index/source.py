"""One file of the index: its outline, and its text while there is room for it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from orchestrator.retrieval.syntax import Definition, Import, Outline, stub
from orchestrator.retrieval.syntax.stub import Stub

DEFINITION_BYTES = 220
"""What a definition takes in memory: a tuple of nine, its numbers, and its share of names."""
IMPORT_BYTES = 160
SOURCE_BYTES = 600
BEGIN_LINES = 30
LOCAL_KINDS = frozenset({"function", "method"})
"""A definition whose parent is one of these is local, unless it is a field (`self.x`)."""
WORD = re.compile(r"\b[A-Za-z_]\w{2,}")


class Place(NamedTuple):
    """A definition of the index: a file's path and the definition's index in its outline."""

    path: str
    number: int


@dataclass(slots=True)
class Source:
    """A file; `text` is None when it was dropped to save memory, and its names remain."""

    path: str
    text: str | None
    outline: Outline
    used_at: int = 0
    _lines: list[str] | None = field(default=None, repr=False)
    _word_rows: Mapping[str, Sequence[int]] | None = field(default=None, repr=False)
    _members: dict[int, tuple[Place, ...]] = field(default_factory=dict, repr=False)
    _imported_names: frozenset[str] | None = field(default=None, repr=False)
    _imports: Mapping[str, Import] | None = field(default=None, repr=False)

    @property
    def bytes_held(self) -> int:
        """An estimate of the memory that the file takes, in bytes, without what it remembers."""
        text_bytes = 0 if self.text is None else len(self.text) * _bytes_per_char(self.text)
        names_bytes = len(self.outline.definitions) * DEFINITION_BYTES
        return SOURCE_BYTES + text_bytes + names_bytes + len(self.outline.imports) * IMPORT_BYTES

    @property
    def remembered_chars(self) -> int:
        """Of how much text it remembers lines and words; they take some six times as much."""
        return len(self.text or "") if self._lines is not None else 0

    @property
    def lines(self) -> list[str]:
        """The lines without their ends; empty when the text was dropped."""
        if self.text is None:
            return []
        if self._lines is None:
            self._lines = self.text.split("\n")
        return self._lines

    @property
    def word_rows(self) -> Mapping[str, Sequence[int]]:
        """The rows (0-based) on which each word stands, each row once."""
        if self._word_rows is None:
            self._word_rows = word_rows(self.lines)
        return self._word_rows

    @property
    def imported_names(self) -> frozenset[str]:
        """What the file imports by name, as it is called where it is defined."""
        if self._imported_names is None:
            names = {each.name for each in self.outline.imports}
            self._imported_names = frozenset(name for name in names if name and name != "*")
        return self._imported_names

    @property
    def imports(self) -> Mapping[str, Import]:
        """The imports of names, by what the file calls these; the first one of each."""
        if self._imports is None:
            pairs = [(each.local_name, each) for each in self.outline.imports if each.name]
            self._imports = {name: each for name, each in reversed(pairs) if name}
        return self._imports

    def members(self, index: int) -> tuple[Place, ...]:
        """Return what a class holds: methods, fields of its body, and fields set through self."""
        if index not in self._members:
            self._members[index] = tuple(Place(self.path, each) for each in self._inside(index))
        return self._members[index]

    def _inside(self, index: int) -> Iterator[int]:
        definitions, found = self.outline.definitions, self.outline.children(index)
        yield from found
        for child in found:
            if definitions[child].kind in LOCAL_KINDS:
                inner = self.outline.children(child)
                yield from (each for each in inner if definitions[each].kind == "field")

    def forget(self) -> None:
        """Drop what can be computed again."""
        self._lines = self._word_rows = self._imported_names = self._imports = None
        self._members.clear()

    def reduce(self) -> None:
        """Drop the text; names, kinds and lines remain."""
        self.text = None
        self.forget()

    def top_level(self) -> Iterator[tuple[int, Definition]]:
        """Return the definitions that the file's own scope holds, with their indices."""
        for index, definition in enumerate(self.outline.definitions):
            if definition.parent < 0:
                yield index, definition

    def whole(self, index: int) -> Stub:
        """Return the whole text of a definition."""
        definition = self.outline.definitions[index]
        return self._cut(range(definition.first_line, definition.last_line + 1))

    def begin(self, index: int) -> str:
        """Return the first lines of a definition, enough to tell it from another one."""
        first = self.outline.definitions[index].first_line
        last = min(self.outline.definitions[index].last_line, first + BEGIN_LINES - 1)
        return self._cut(range(first, last + 1)).text

    def stub(self, index: int) -> Stub:
        """Return a definition's header, members and first line of documentation."""
        return stub(self.lines, self.outline, index) if self.lines else Stub("", ())

    def header(self, index: int) -> Stub:
        """Return the signature of a definition."""
        definition = self.outline.definitions[index]
        return self._cut(range(definition.head_line, definition.header_end + 1))

    def head(self, index: int) -> Stub:
        """Return the one line that holds a definition's name."""
        return self._cut((self.outline.definitions[index].head_line,))

    def _cut(self, numbers: range | tuple[int, ...]) -> Stub:
        lines = self.lines
        shown = tuple(number for number in numbers if number <= len(lines))
        return Stub("\n".join([lines[number - 1] for number in shown]), shown)


def word_rows(lines: Sequence[str]) -> dict[str, list[int]]:
    """Return the rows (0-based) on which each word stands, each row once."""
    found: dict[str, list[int]] = {}
    for row, line in enumerate(lines):
        for word in set(WORD.findall(line)):
            found.setdefault(word, []).append(row)
    return found


def _bytes_per_char(text: str) -> int:
    return 1 if text.isascii() else 2

"""The values of an outline. Lines are 1-based and inclusive, counted by line feeds."""

from dataclasses import dataclass
from typing import NamedTuple

CONTAINERS = frozenset({"class", "interface", "enum", "implementation"})
"""Kinds whose functions are methods."""

CALLABLES = frozenset({"function", "method"})


class Definition(NamedTuple):
    """One definition.

    `kind` is one of module, class, interface, enum, implementation (Rust's `impl`, Swift's
    extension), type, function, method, field, variable, macro, table, heading, key, selector.
    `parent` is the index of the enclosing definition in its outline, -1 at the top. `first_line`
    counts decorators and attributes in, `head_line` holds the name, `header_end` is where the
    signature ends. `doc_first` and `doc_last` are the docstring or the comment before, 0 for none.
    """

    name: str
    kind: str
    parent: int
    first_line: int
    last_line: int
    head_line: int
    header_end: int
    doc_first: int = 0
    doc_last: int = 0

    def shifted(self, lines: int, indices: int) -> "Definition":
        """Return it moved by so many lines, and its parent by so many indices."""
        return Definition(
            self.name,
            self.kind,
            self.parent + indices if self.parent >= 0 else -1,
            self.first_line + lines,
            self.last_line + lines,
            self.head_line + lines,
            self.header_end + lines,
            self.doc_first + lines if self.doc_first else 0,
            self.doc_last + lines if self.doc_last else 0,
        )


class Import(NamedTuple):
    """One name that an import brings in.

    `module` as written, without quotes and without the leading dots, which `level` counts
    (Python). `name` is what is taken from it: None for the module itself, `*` for all. `alias` is
    the local name where it differs from what the language would bind by itself.
    """

    module: str
    name: str | None
    alias: str | None
    level: int
    first_line: int
    last_line: int
    is_reexport: bool = False

    @property
    def local_name(self) -> str | None:
        """The name that the file uses for it; None for a star."""
        if self.name == "*":
            return None
        return self.alias or self.name or self.module.partition(".")[0] or None


@dataclass(frozen=True, slots=True)
class Outline:
    """What a file defines and imports, in source order; parents stand before their children."""

    language: str | None
    definitions: tuple[Definition, ...] = ()
    imports: tuple[Import, ...] = ()
    line_count: int = 0
    has_syntax: bool = False
    """False where there is no grammar or the parse took too long: the file is plain text."""

    def children(self, index: int) -> list[int]:
        """Return the indices of what stands directly in the definition at `index`."""
        found = []
        last_line = self.definitions[index].last_line
        for child in range(index + 1, len(self.definitions)):
            if self.definitions[child].first_line > last_line:
                break
            if self.definitions[child].parent == index:
                found.append(child)
        return found

    def chain(self, index: int) -> tuple[str, ...]:
        """Return the names from the outermost definition to the one at `index`."""
        names: list[str] = []
        while index >= 0:
            names.append(self.definitions[index].name)
            index = self.definitions[index].parent
        return tuple(reversed(names))

    def enclosing(self, line: int) -> list[int]:
        """Return the indices of the definitions around a line, the outermost first."""
        return [
            index
            for index, definition in enumerate(self.definitions)
            if definition.first_line <= line <= definition.last_line
        ]

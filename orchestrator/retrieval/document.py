"""A text with its syntax: parsed once, asked by all stages. Pure."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from tree_sitter import Tree

from orchestrator.retrieval.syntax import (
    Definition,
    Outline,
    Reference,
    language_of,
    outline,
    parse,
    references,
)
from orchestrator.retrieval.syntax.grammars import canonical


@dataclass(frozen=True)
class Document:
    """A text, and what its grammar says about it; an empty outline without one."""

    text: str
    language: str | None
    outline: Outline
    tree: Tree | None

    @cached_property
    def lines(self) -> list[str]:
        """The lines without their line feeds."""
        return self.text.split("\n")

    @cached_property
    def line_starts(self) -> list[int]:
        """The offset of each line's first character, and the offset behind the last line."""
        return [0, *accumulate(len(line) + 1 for line in self.lines)]

    @property
    def definitions(self) -> tuple[Definition, ...]:
        """What the text defines."""
        return self.outline.definitions

    def span(self, first_line: int, last_line: int) -> tuple[int, int]:
        """Return the offsets of these lines (1-based, inclusive), without the last line feed."""
        end = self.line_starts[min(last_line, len(self.lines))] - 1
        return self.line_starts[first_line - 1], end

    def line_at(self, offset: int) -> int:
        """Return the 1-based number of the line that holds the character at `offset`."""
        return bisect_right(self.line_starts, offset, hi=len(self.lines))

    def references(self, first_line: int, last_line: int) -> list[Reference]:
        """Return the names that these lines use."""
        if self.tree is None:
            return []
        return references(self.tree, self.language, first_line, last_line)


def read(
    text: str, language: str | None = None, stop: Callable[[], bool] | None = None
) -> Document:
    """Parse `text`; `language` is an LSP identifier, a file ending, or the path of a file.

    When `stop` says so, while parsing, the text is taken for plain text.
    """
    known = language_named(language)
    tree = parse(text.encode(errors="replace"), known, stop=stop)
    return Document(text, known, Outline(None) if tree is None else outline(tree, known), tree)


def language_named(name: str | None) -> str | None:
    """Return the language of that identifier (`python`), ending (`py`) or path (`a/b.py`)."""
    if not name:
        return None
    bare = name.lower().strip("{}.")
    return canonical(bare) or language_of(name) or language_of(f"a.{bare}") or OTHER_NAMES.get(bare)


OTHER_NAMES = {"golang": "go", "node": "javascript", "zsh": "shellscript", "python3": "python"}

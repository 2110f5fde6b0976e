"""Names that a range of lines uses: calls, types, and other names."""

from collections.abc import Iterable
from typing import NamedTuple

from tree_sitter import Node, QueryCursor, Tree

from orchestrator.retrieval.syntax.grammars import canonical, parse
from orchestrator.retrieval.syntax.queries import reference_query

KINDS = ("call", "type", "name")
"""The kinds of references, the most specific first."""


class Reference(NamedTuple):
    """A use of a name; `kind` is call, type or name, `column` counts UTF-8 bytes from 0."""

    name: str
    kind: str
    line: int
    column: int


def references(
    source: str | Tree,
    language: str | None,
    first_line: int = 1,
    last_line: int | None = None,
) -> list[Reference]:
    """Return the names used on the lines from `first_line` to `last_line`, in source order."""
    tree = source if isinstance(source, Tree) else parse(source.encode(errors="replace"), language)
    name = canonical(language)
    if tree is None or name is None:
        return []
    cursor = QueryCursor(reference_query(name))
    if first_line > 1 or last_line is not None:
        last_row = tree.root_node.end_point.row + 1 if last_line is None else last_line
        cursor.set_point_range((first_line - 1, 0), (last_row, 0))
    captures = cursor.captures(tree.root_node)
    found: dict[int, Reference] = {}
    for kind in KINDS:
        for reference in _of_kind(kind, captures.get(f"reference.{kind}", ())):
            found.setdefault(reference[0], reference[1])
    return [found[start] for start in sorted(found)]


def _of_kind(kind: str, nodes: Iterable[Node]) -> Iterable[tuple[int, Reference]]:
    for node in nodes:
        row, column = node.start_point
        name = (node.text or b"").decode(errors="replace")
        yield node.start_byte, Reference(name, kind, row + 1, column)

"""A file's outline: what it defines and imports, from one query over its tree."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tree_sitter import Node, QueryCursor, Tree

from orchestrator.retrieval.syntax.grammars import canonical, parse
from orchestrator.retrieval.syntax.imports import Captures, imports_of
from orchestrator.retrieval.syntax.queries import outline_query
from orchestrator.retrieval.syntax.structure import (
    CALLABLES,
    CONTAINERS,
    Definition,
    Import,
    Outline,
)

NAME_CHARS = 80
SPACES = re.compile(r"\s+")
KIND = "definition."


class _Found(NamedTuple):
    """A definition before its place in the tree of definitions is known."""

    start_byte: int
    negative_end_byte: int
    """Negative, so that of two that begin together the outer one sorts first."""
    name_byte: int
    pattern: int
    definition: Definition


def outline(source: str | Tree, language: str | None) -> Outline:
    """Return the outline of a text or of its tree; without a grammar, an empty one."""
    tree = source if isinstance(source, Tree) else parse(source.encode(errors="replace"), language)
    name = canonical(language)
    if tree is None or name is None:
        return Outline(name, line_count=source.count("\n") + 1 if isinstance(source, str) else 0)
    root = tree.root_node
    definitions, imports = _collect(name, root, None)
    return Outline(name, definitions, imports, root.end_point.row + 1, has_syntax=True)


def update(old: Outline, tree: Tree, first_row: int, old_rows: int, new_rows: int) -> Outline:
    """Return the outline after an edit, asking the query only about what was touched.

    From `first_row` (0-based) on, `old_rows` rows of the old text became `new_rows` of the new.
    Top-level definitions outside are kept, those after are moved.
    """
    if not old.has_syntax or old.language is None:
        return outline(tree, old.language)
    moved = new_rows - old_rows
    tops = [i for i, definition in enumerate(old.definitions) if definition.parent < 0]
    before, after = _untouched(old, tops, first_row + 1, first_row + old_rows)
    cut = old.definitions[before:after]
    low = old.definitions[before - 1].last_line if before else 0
    for definition in old.definitions[:before]:
        low = max(low, definition.last_line)
    high = old.definitions[after].first_line + moved if after < len(old.definitions) else None
    rows = (low, tree.root_node.end_point.row + 1 if high is None else high - 1)
    middle, imports = _collect(old.language, tree.root_node, rows, before)
    shift = len(middle) - len(cut)
    late = old.definitions[after:]
    if moved or shift:
        late = tuple(definition.shifted(moved, shift) for definition in late)
    kept = _kept_imports(old.imports, rows, moved)
    return Outline(
        old.language,
        (*old.definitions[:before], *middle, *late),
        tuple(sorted((*kept, *imports), key=lambda each: each.first_line)),
        tree.root_node.end_point.row + 1,
        has_syntax=True,
    )


def _untouched(old: Outline, tops: Sequence[int], first: int, last: int) -> tuple[int, int]:
    """Return the indices where the touched definitions begin and end.

    One definition more on either side is taken in, since an edit can merge with its neighbours.
    """
    position = {index: place for place, index in enumerate(tops)}
    touched = [
        position[index]
        for index in tops
        if old.definitions[index].last_line >= first - 1
        and _begin(old.definitions[index]) <= last + 1
    ]
    if touched:
        low, high = touched[0], touched[-1] + 1
    else:
        low = high = sum(old.definitions[index].last_line < first for index in tops)
    low, high = max(0, low - 1), min(len(tops), high + 1)
    begin = tops[low] if low < len(tops) else len(old.definitions)
    end = tops[high] if high < len(tops) else len(old.definitions)
    while begin and old.definitions[begin - 1].last_line >= old.definitions[begin].first_line:
        begin -= 1
    return begin, end


def _begin(definition: Definition) -> int:
    """Return the first line of a definition or of the comment before it."""
    return min(definition.doc_first or definition.first_line, definition.first_line)


def _kept_imports(imports: Iterable[Import], rows: tuple[int, int], moved: int) -> list[Import]:
    kept = []
    for each in imports:
        if each.last_line <= rows[0]:
            kept.append(each)
        elif each.first_line + moved > rows[1]:
            lines = each.first_line + moved, each.last_line + moved
            kept.append(each._replace(first_line=lines[0], last_line=lines[1]))
    return kept


def _collect(
    language: str, root: Node, rows: tuple[int, int] | None, offset: int = 0
) -> tuple[tuple[Definition, ...], tuple[Import, ...]]:
    """Run the query over the tree, or over the rows from `rows[0]` up to `rows[1]`."""
    cursor = QueryCursor(outline_query(language))
    if rows is not None:
        cursor.set_point_range((rows[0], 0), (rows[1], 0))
    found: dict[int, _Found] = {}
    imports: list[Import] = []
    docs: list[tuple[int, int]] = []
    comments: dict[int, int] = {}
    for pattern, captures in cursor.matches(root):
        if "name" in captures:
            _add(found, pattern, captures, rows)
        elif "import" in captures:
            imports.extend(each for each in imports_of(captures) if _inside(each.first_line, rows))
        elif "doc" in captures:
            docs.append(_lines(captures["doc"][0]))
        elif "comment" in captures:
            first, last = _lines(captures["comment"][0])
            comments[last] = first
    definitions = _nested(sorted(found.values()), offset)
    return _documented(definitions, docs, comments, offset), tuple(imports)


def _inside(line: int, rows: tuple[int, int] | None) -> bool:
    return rows is None or rows[0] < line <= rows[1]


def _lines(node: Node) -> tuple[int, int]:
    last_row, last_column = node.end_point
    first_row = node.start_point.row
    if last_column == 0 and last_row > first_row:
        last_row -= 1
    return first_row + 1, last_row + 1


def _add(
    found: dict[int, _Found], pattern: int, captures: Captures, rows: tuple[int, int] | None
) -> None:
    """Keep a definition; of two with the same name node the larger range and the earlier kind.

    The query files name special cases before general ones.
    """
    capture = next(key for key in captures if key.startswith(KIND))
    node, name_node = captures[capture][0], captures["name"][0]
    first_line, last_line = _lines(node)
    earlier = found.get(name_node.start_byte)
    if not _inside(first_line, rows):
        return
    place = node.start_byte, -node.end_byte
    kind = capture[len(KIND) :]
    if earlier is not None:
        kind = kind if pattern < earlier.pattern else earlier.definition.kind
        pattern = min(pattern, earlier.pattern)
        if earlier[:2] <= place:
            definition = earlier.definition._replace(kind=kind)
            found[name_node.start_byte] = earlier._replace(pattern=pattern, definition=definition)
            return
    head_line = name_node.start_point.row + 1
    header_end = max(head_line, _header_end(node, captures, first_line, last_line))
    definition = Definition(
        _name(name_node), kind, -1, first_line, last_line, head_line, header_end
    )
    found[name_node.start_byte] = _Found(*place, name_node.start_byte, pattern, definition)


def _name(node: Node) -> str:
    text = SPACES.sub(" ", (node.text or b"").decode(errors="replace")).strip("\"'$ :")
    return text.rpartition("::")[2][:NAME_CHARS]


def _header_end(node: Node, captures: Captures, first_line: int, last_line: int) -> int:
    """Return the last line of the signature: where the text before the body ends."""
    if "body" not in captures:
        return last_line if node.type.endswith("signature") else first_line
    body = captures["body"][0]
    if body.start_point.row + 1 == first_line:
        return first_line
    before = (node.text or b"")[: body.start_byte - node.start_byte]
    return first_line + before.rstrip().count(b"\n")


def _nested(found: Sequence[_Found], offset: int) -> list[Definition]:
    """Give each definition its parent, and functions in a class their kind."""
    definitions: list[Definition] = []
    stack: list[tuple[int, int, tuple[int, int]]] = []
    for start_byte, negative_end, _, _, definition in found:
        while stack and (stack[-1][0] <= start_byte or stack[-1][2] == (start_byte, negative_end)):
            stack.pop()
        if stack:
            parent = stack[-1][1]
            kind = definition.kind
            if kind in CALLABLES:
                is_member = definitions[parent].kind in CONTAINERS
                kind = "method" if is_member else "function" if kind == "function" else kind
            definition = definition._replace(parent=parent + offset, kind=kind)  # noqa: PLW2901
        stack.append((-negative_end, len(definitions), (start_byte, negative_end)))
        definitions.append(definition)
    return definitions


def _documented(
    definitions: list[Definition],
    docs: Sequence[tuple[int, int]],
    comments: dict[int, int],
    offset: int,
) -> tuple[Definition, ...]:
    """Give each definition its docstring, or the comment that stands right before it."""
    by_body = dict(docs)
    for index, definition in enumerate(definitions):
        first = definition.header_end + 1
        if first in by_body and definition.kind in ("class", "function", "method"):
            definitions[index] = definition._replace(doc_first=first, doc_last=by_body[first])
            continue
        last = first = definition.first_line
        while first - 1 in comments:
            first = comments[first - 1]
        if first < last:
            definitions[index] = definition._replace(doc_first=first, doc_last=last - 1)
    return tuple(definitions)

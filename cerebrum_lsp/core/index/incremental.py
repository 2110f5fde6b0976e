"""A file's new text, tree and outline after edits."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from tree_sitter import Tree

from orchestrator.retrieval.syntax import Definition, Import, Outline, outline, parse, update

EXACT_BYTES = 100_000
"""Up to this size a file with syntax errors is parsed and looked at as a whole (some 20 ms).
Recovery from an error may change what stands far from the edit, and a parse that goes on from a
tree with an error may keep that error (of a docstring that is being closed, say); in a larger file
that shows after the next clean parse of its place only."""


class Edit(NamedTuple):
    """A replacement: characters from `start` to `end` of the text become `replacement`."""

    start: int
    end: int
    replacement: str


class Changed(NamedTuple):
    """A file after its edits; `tree` is None for plain text, and where the parse was stopped."""

    text: str
    tree: Tree | None
    outline: Outline


class _Span(NamedTuple):
    """Rows that an edit touched: from `first_row` on, `old_rows` rows became `new_rows`."""

    first_row: int
    old_rows: int
    new_rows: int


def reparse(
    text: str,
    old: Outline,
    tree: Tree | None,
    edits: list[Edit],
    stop: Callable[[], bool] | None = None,
) -> Changed:
    """Apply the edits one after the other, re-parse once, and bring the outline up to date.

    Without a tree of the old text, the new one is parsed from its beginning. A parse that `stop`
    ends leaves the old outline, with its lines moved.
    """
    source = text.encode(errors="replace")
    spans: list[_Span] = []
    old_tree = tree.copy() if tree else None
    for edit in edits:
        start = _byte_offset(text, edit.start)
        end = start + len(text[edit.start : edit.end].encode(errors="replace"))
        inserted = edit.replacement.encode(errors="replace")
        new_source = source[:start] + inserted + source[end:]
        spans.append(_tell(old_tree, source, new_source, start, end, len(inserted)))
        text = text[: edit.start] + edit.replacement + text[edit.end :]
        source = new_source
    new_tree = parse(source, old.language, old_tree, stop)
    if new_tree is None:
        return Changed(text, None, _moved(old, spans))
    is_small = len(source) <= EXACT_BYTES
    if old_tree is not None and is_small and new_tree.root_node.has_error:
        new_tree = parse(source, old.language, stop=stop) or new_tree
    has_error = new_tree.root_node.has_error or (tree is not None and tree.root_node.has_error)
    if old_tree is None or len(spans) != 1 or (has_error and is_small):
        return Changed(text, new_tree, outline(new_tree, old.language))
    widened = _widened(spans[0], old_tree, new_tree)
    return Changed(text, new_tree, update(old, new_tree, *widened))


def _moved(old: Outline, spans: list[_Span]) -> Outline:
    """Return an outline with its lines where the edits have moved them."""
    for span in spans:
        rows = span.new_rows - span.old_rows
        after = span.first_row + span.old_rows
        if rows:
            definitions = [_definition_moved(each, after, rows) for each in old.definitions]
            imports = [_import_moved(each, after, rows) for each in old.imports]
            line_count = max(1, old.line_count + rows)
            old = replace(
                old,
                definitions=tuple(definitions),
                imports=tuple(imports),
                line_count=line_count,
            )
    return old


def _definition_moved(definition: Definition, after: int, rows: int) -> Definition:
    """Return a definition of which the lines after a row have moved."""
    if definition.last_line <= after:
        return definition
    if definition.first_line > after:
        return definition.shifted(rows, 0)
    first = definition.first_line
    moved = [max(first, line + rows) if line > after else line for line in definition[3:]]
    return Definition(definition.name, definition.kind, definition.parent, *moved)


def _import_moved(each: Import, after: int, rows: int) -> Import:
    if each.first_line <= after:
        return each
    return each._replace(first_line=each.first_line + rows, last_line=each.last_line + rows)


def _byte_offset(text: str, index: int) -> int:
    return index if text.isascii() else len(text[:index].encode(errors="replace"))


def _tell(
    tree: Tree | None, old: bytes, new: bytes, start: int, end: int, inserted_bytes: int
) -> _Span:
    """Tell the tree of an edit; return the rows that it touched."""
    first, last = _point(old, start), _point(old, end)
    new_last = _point(new, start + inserted_bytes)
    if tree is not None:
        tree.edit(start, end, start + inserted_bytes, first, last, new_last)
    return _Span(first[0], last[0] - first[0] + 1, new_last[0] - first[0] + 1)


def _point(source: bytes, offset: int) -> tuple[int, int]:
    return source.count(b"\n", 0, offset), offset - (source.rfind(b"\n", 0, offset) + 1)


def _widened(span: _Span, old_tree: Tree, new_tree: Tree) -> _Span:
    """Take in the rows whose syntax changed beyond the edit itself."""
    first, last = span.first_row, span.first_row + span.new_rows - 1
    for changed in old_tree.changed_ranges(new_tree):
        first = min(first, changed.start_point.row)
        last = max(last, changed.end_point.row)
    new_rows = last - first + 1
    return _Span(first, new_rows - (span.new_rows - span.old_rows), new_rows)

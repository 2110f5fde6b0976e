"""Models write a line's indentation again, though the cursor stands behind it, or leave it out."""

import re

from cerebrum_lsp.core.document import Snapshot
from cerebrum_lsp.core.filters.brackets import surroundings
from cerebrum_lsp.core.filters.code_style import style_of

CONTINUATION = (".", "&", "|", "?", ":", "+", "-", "*", "/", "=", "<", ">", "#", "//")
OPENS_BLOCK = (":", "{", "(", "[", ",", "\\", "=>", "->", "do", "then", "=", "+", "&&", "||")


def fix_first_indent(text: str, snapshot: Snapshot) -> str:
    """Make the first line of `text` begin where the lines around it let it begin."""
    first = text.split("\n", 1)[0]
    if not first.strip() or style_of(snapshot).is_prose:
        return text
    before = snapshot.line_before
    if before.strip():
        return _without_second_space(text, before)
    around = surroundings(snapshot)
    if around.pending or around.opened[")"] or around.opened["]"]:
        return text
    indent = first[: len(first) - len(first.lstrip())]
    if before and indent and not first.lstrip().startswith(CONTINUATION):
        return text[_repeated(before, indent, snapshot) :]
    return text


def _without_second_space(text: str, before: str) -> str:
    """Cut a space at the beginning of `text`, if a single one already stands before it."""
    is_double = re.search(r"\S $", before) and re.match(r" [^\s#/=:<>|&-]", text)
    return text[1:] if is_double else text


def _repeated(before: str, indent: str, snapshot: Snapshot) -> int:
    """Return how many characters of `indent` are too many after `before`."""
    previous = _previous_line(snapshot)
    if previous.rstrip().endswith(OPENS_BLOCK) and _column(previous) >= _column(before):
        return 0
    levels = _levels(snapshot)
    if _column(before + indent) in levels:
        return 0
    if indent == before and _column(before) in levels:
        return len(indent)
    return len(indent) if _column(indent) == 1 and _column(before) in levels else 0


def _previous_line(snapshot: Snapshot) -> str:
    """Return the last line before the cursor's own with something on it."""
    lines = snapshot.prefix[-2000:].split("\n")[:-1]
    return next((line for line in reversed(lines) if line.strip()), "")


def _levels(snapshot: Snapshot) -> set[int]:
    """Return the columns at which the lines around the cursor begin."""
    lines = snapshot.prefix[-4000:].split("\n")[:-1] + snapshot.suffix[:2000].split("\n")[1:]
    return {_column(line) for line in lines if line.strip()}


def _column(line: str) -> int:
    """Return the column at which a line's text begins, a tab counting as one."""
    return len(line) - len(line.lstrip())

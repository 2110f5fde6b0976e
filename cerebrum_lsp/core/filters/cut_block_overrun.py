"""Models close blocks that are closed already, and go on outside of them."""

from collections.abc import Iterator

from cerebrum_lsp.core.document import Snapshot
from cerebrum_lsp.core.filters.brackets import scan, surplus_closers, surroundings
from cerebrum_lsp.core.filters.code_style import style_of
from cerebrum_lsp.core.filters.covers import covered_chars


def cut_block_overrun(text: str, snapshot: Snapshot) -> str:
    """Cut `text` at the first closing bracket that what stands after the cursor already has.

    One that an editor closed by itself right after the cursor may be written again: the editor
    replaces it (`covered_chars`).
    """
    style = style_of(snapshot)
    if style.is_prose:
        return text
    surplus = surplus_closers(text, snapshot)
    begins = [
        *(at for at, _ in surplus[covered_chars(text, snapshot) :] if not _is_at_margin(text, at)),
        *_repeated_closers(text, snapshot, has_surplus=bool(surplus)),
    ]
    if not begins:
        return text
    begin = min(begins)
    line_start = text.rfind("\n", 0, begin) + 1
    is_own_line = line_start > 0 and not text[line_start:begin].strip()
    return text[:line_start] if is_own_line else _without_tail(text, begin)


def _is_at_margin(text: str, at: int) -> bool:
    """Whether a brace stands at the left margin: what it closes may begin further up than read."""
    return text[at] == "}" and text[at - 1 : at] == "\n"


def _repeated_closers(text: str, snapshot: Snapshot, *, has_surplus: bool) -> Iterator[int]:
    """Find closing brackets whose line is the next one after the cursor.

    They are needed if nothing is too much in the document, unless the next line can't close what
    `text` leaves open, since that begins at another column.
    """
    if snapshot.line_after.strip():
        return
    following = (line.rstrip() for line in snapshot.suffix[:4000].split("\n")[1:])
    next_line = next((line for line in following if line), "").rstrip(";,")
    written = scan(text, style_of(snapshot), surroundings(snapshot).pending)
    if written.opened:
        whole = snapshot.line_before + text
        opened_at = len(snapshot.line_before) + written.opened[-1][0]
        has_surplus |= _column_at(whole, opened_at) != _column_at(next_line, 0)
    elif not surroundings(snapshot).is_whole:
        has_surplus = True
    if not has_surplus:
        return
    for at, _ in written.unmatched:
        line_start = text.rfind("\n", 0, at) + 1
        line = text[line_start:].split("\n", 1)[0].rstrip().rstrip(";,")
        if line_start > 0 and line == next_line:
            yield at


def _column_at(text: str, at: int) -> int:
    """Return the column at which the line with this offset begins."""
    line = text[text.rfind("\n", 0, at) + 1 :]
    return len(line) - len(line.lstrip(" \t"))


def _without_tail(text: str, begin: int) -> str:
    """Cut a surplus bracket within a line, if only punctuation comes after it on that line."""
    rest = text[begin:].split("\n", 1)[0]
    return text if any(map(str.isalnum, rest)) else text[:begin]

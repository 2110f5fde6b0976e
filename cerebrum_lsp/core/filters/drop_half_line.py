"""The token limit cuts a completion anywhere; half a statement is nothing to accept."""

from cerebrum_lsp.core.document import Snapshot
from cerebrum_lsp.core.filters.brackets import scan, surroundings
from cerebrum_lsp.core.filters.code_style import style_of

LINE_ENDS = (")", "]", "}", ";", "{", ":", ",", ">")


def drop_half_line(text: str, snapshot: Snapshot) -> str:
    """Cut the last of several lines of a text that was cut by its length, unless it is whole.

    A single line stays as it is: half a line is better than nothing.
    """
    head, _, last = text.rpartition("\n")
    if not head.strip() or snapshot.line_after.strip():
        return text
    left = scan(last, style_of(snapshot))
    opened = [bracket for _, bracket in left.opened if bracket != "{"]
    is_whole = last.rstrip().endswith(LINE_ENDS) and not opened and not left.pending
    if not last.strip() or (is_whole and not surroundings(snapshot).pending):
        return text
    return head

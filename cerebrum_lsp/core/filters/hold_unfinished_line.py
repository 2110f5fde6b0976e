"""While a text grows, its first line grows by words and the rest by lines.

Most filters can judge a line only when it is whole; a line that has been shown stays.
"""

from cerebrum_lsp.core.document import Snapshot


def hold_unfinished_line(text: str, _: Snapshot) -> str:
    """Hold back the last line, unless it is the only one."""
    head, line_end, _last = text.rpartition("\n")
    return head + line_end if head.strip() else text

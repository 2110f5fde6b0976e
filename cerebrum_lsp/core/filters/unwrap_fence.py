"""Models trained on Markdown put their code into fences."""

import re

from cerebrum_lsp.core.document import Snapshot
from cerebrum_lsp.core.filters.brackets import surroundings
from cerebrum_lsp.core.filters.code_style import style_of

FENCE = re.compile(r"^[ \t]*(?:```|~~~)(?P<tag>[\w+#.-]*)[ \t]*$\n?", re.MULTILINE)
BEGUN = re.compile(r"(?:\A|(?<=\n))[ \t]*(?:`{1,3}|~{1,3})[\w+#.-]*\Z")


def unwrap_fence(text: str, snapshot: Snapshot) -> str:
    """Return what stands in the first fence, or before one that only closes.

    A fence that opens stands at the beginning or names its language; what precedes it is talk.
    """
    if _may_contain_fences(snapshot) or ("```" not in text and "~~~" not in text):
        return text
    fence = FENCE.search(text)
    if fence is None:
        return text
    if text[: fence.start()].strip() and not fence["tag"]:
        return text[: fence.start()]
    closing = FENCE.search(text, fence.end())
    return text[fence.end() : closing.start() if closing else len(text)]


def hold_fence(text: str, snapshot: Snapshot) -> str:
    """Hold back the end of a growing text that may become a fence."""
    begun = None if _may_contain_fences(snapshot) else BEGUN.search(text)
    return text[: begun.start()] if begun else text


def _may_contain_fences(snapshot: Snapshot) -> bool:
    """Whether a fence may be meant: in prose, and on a fresh line of a long string or comment.

    There it is indented as the text around it.
    """
    style = style_of(snapshot)
    pending = surroundings(snapshot).pending
    if style.is_prose or not pending:
        return style.is_prose
    is_long = pending not in style.line_comments and pending not in style.quotes
    if not is_long or snapshot.line_before.strip():
        return False
    lines = snapshot.prefix[-2000:].split("\n")[:-1]
    previous = next((line for line in reversed(lines) if line.strip()), "")
    return snapshot.line_before != "" or not previous[:1].isspace()

"""When a growing completion is all that it should be, so that its node can be freed (L6)."""

from cerebrum_lsp.core.document import Snapshot
from cerebrum_lsp.core.shape import is_single_line


def complete_length(text: str, snapshot: Snapshot) -> int | None:
    """Return how many characters of `text` are the completion, None if it may still grow.

    It ends with its line where something follows on the cursor's line, and else with the block in
    which it began: at the first line that is indented less.
    """
    if is_single_line(snapshot):
        end = text.find("\n")
        return end if end >= 0 else None
    return _end_of_block(text, _indentation(snapshot.line_before))


def _end_of_block(text: str, indentation: int) -> int | None:
    start = text.find("\n") + 1
    while start:
        next_start = text.find("\n", start) + 1
        line = text[start : next_start - 1 if next_start else len(text)]
        # The last line may still be growing: only what it has before its first word is certain.
        if line.strip() and _indentation(line) < indentation:
            return start - 1
        start = next_start
    return None


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))

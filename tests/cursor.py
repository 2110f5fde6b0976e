"""Texts with a cursor in them, as tests write them: `return ‸` stands for a place in a document."""

from cerebrum_lsp.core.document import Cursor, Snapshot

MARK = "‸"


def snapshot(marked: str, **changes: str) -> Snapshot:
    """Return the document that `marked` shows, with the cursor where the mark stands."""
    prefix, suffix = marked.split(MARK)
    cursor = Cursor(prefix.count("\n"), len(prefix) - (prefix.rfind("\n") + 1))
    fields = {"uri": "file:///w/a.py", "language": "python", "path": "a.py", **changes}
    return Snapshot(version=1, prefix=prefix, suffix=suffix, cursor=cursor, **fields)

"""White space at the end of a completion is seldom what was wanted."""

from cerebrum_lsp.core.document import Snapshot


def trim_end(text: str, snapshot: Snapshot) -> str:
    """Cut trailing white space, but for what keeps the text apart from the rest of the line."""
    kept = text.rstrip()
    after = snapshot.line_after
    if not kept or not after.strip():
        return kept
    space = text[len(kept) :]
    if "\n" in space and ("\n" in kept or not snapshot.line_before.strip()):
        indent = "" if after[:1].isspace() else space.rpartition("\n")[2] or snapshot.line_before
        return f"{kept}\n{indent if not indent.strip() else ''}"
    is_apart = after[0].isspace() or after[0] in ")]};,:."
    return kept if is_apart or "\n" in space else text

"""What a completion replaces after the cursor: brackets that the editor closed by itself."""

from cerebrum_lsp.core.document import Snapshot
from cerebrum_lsp.core.filters.brackets import CLOSERS, scan, surplus_closers, surroundings
from cerebrum_lsp.core.filters.code_style import style_of

PAIRED = CLOSERS | set("\"'`")


def covered_chars(text: str, snapshot: Snapshot) -> int:
    """Return how many characters after the cursor `text` contains, in order, too.

    In `f(‸)`, `a) {` brings the closing bracket with it, so that the one that stands there is to
    be replaced. That counts only where nothing but closing brackets and quotes follows.
    """
    rest = snapshot.line_after.strip()
    if not rest or not PAIRED.issuperset(rest.rstrip(";,:")) or snapshot.line_after[:1].isspace():
        return 0
    written = "".join(bracket for _, bracket in surplus_closers(text, snapshot))
    quote = surroundings(snapshot).pending
    if len(quote) == 1 and quote in text and quote != scan(text, style_of(snapshot), quote).pending:
        written = quote + written
    covered = 0
    for one, other in zip(written, rest, strict=False):
        if one != other:
            break
        covered += 1
    return covered

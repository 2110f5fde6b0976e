"""How long a completion may become: decided by what stands around the cursor."""

from dataclasses import dataclass

from cerebrum_lsp.core.document import Snapshot

CLOSERS = frozenset(" \t)]}>\"'`,;:")
SINGLE_LINE_TOKENS = 48


@dataclass(frozen=True)
class Shape:
    """The limits that are sent with a request."""

    max_tokens: int
    stop: tuple[str, ...]


def shape_of(snapshot: Snapshot, max_tokens: int) -> Shape:
    """Ask for the rest of one line when something follows on it, else for a block.

    Brackets and quotes that an editor closed by itself don't count as something that follows.
    """
    if is_single_line(snapshot):
        return Shape(min(max_tokens, SINGLE_LINE_TOKENS), ("\n",))
    return Shape(max_tokens, ("\n\n",))


def is_single_line(snapshot: Snapshot) -> bool:
    """Whether something follows on the cursor's line, so that only that line can be completed."""
    return not set(snapshot.line_after) <= CLOSERS

"""Retrieval: candidates, ranked, and selected under a budget."""

from cerebrum_lsp.core.index import Index
from cerebrum_lsp.core.retrieval.candidates import Candidates
from cerebrum_lsp.core.retrieval.own import own_lines
from cerebrum_lsp.core.retrieval.rank import rank
from cerebrum_lsp.core.retrieval.select import Detail, Piece, select
from cerebrum_lsp.core.retrieval.situation import Hints, situation_of


def retrieve(  # noqa: PLR0913 - a place in a text, and how much may be said about it
    index: Index,
    path: str,
    prefix: str,
    suffix: str,
    budget_chars: int,
    *,
    hints: Hints | None = None,
    detail: Detail | None = None,
) -> list[Piece]:
    """Return text of other files for a cursor between `prefix` and `suffix`, the best first.

    Of the file at `path` only `prefix` and `suffix` are looked at, whatever the index holds of it.
    The pieces together have at most `budget_chars` characters.
    """
    situation = situation_of(index, path, prefix, suffix, hints)
    candidates = Candidates(index, situation)
    own = own_lines(situation)
    ranked = rank(candidates.found)
    pieces = select(index, ranked, candidates.windows, own, budget_chars, detail)
    for piece in pieces:
        if piece.path != path:
            index.touch(piece.path)
    return pieces

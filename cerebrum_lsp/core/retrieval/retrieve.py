"""Retrieval: candidates, ranked, and selected under a budget."""

from cerebrum_lsp.core.index import Index
from cerebrum_lsp.core.retrieval.candidates import candidates_of
from cerebrum_lsp.core.retrieval.expected import Expected, likely_names
from cerebrum_lsp.core.retrieval.own import SHOWN_CHARS, own_lines
from cerebrum_lsp.core.retrieval.rank import rank, scores_of
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
    shown_chars: int = SHOWN_CHARS,
) -> list[Piece]:
    """Return text of other files for a cursor between `prefix` and `suffix`, the best first.

    Of the file at `path` only `prefix` and `suffix` are looked at, whatever the index holds of it.
    The pieces together have at most `budget_chars` characters. Of the file itself they have nothing
    from the last `shown_chars` before the cursor, which stand in the prompt anyway.
    """
    situation = situation_of(index, path, prefix, suffix, hints)
    candidates = candidates_of(index, situation)
    own = own_lines(situation, shown_chars)
    scores = scores_of(candidates.signals)
    ranked = rank(scores)
    expected = Expected(situation, candidates.words, likely_names(index, scores))
    pieces = select(
        index,
        ranked,
        candidates.likeness.windows,
        own,
        budget_chars,
        probability=expected.probability,
        detail=detail,
    )
    useful = (
        *candidates.likeness.looked_at,
        *(piece.path for piece in pieces if piece.path != path),
    )
    for each in useful:
        index.touch(each)
    index.rest()
    return pieces

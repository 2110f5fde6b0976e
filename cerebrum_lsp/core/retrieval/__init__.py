"""Text of other files for a place in this one: candidates → rank → select under a budget. Pure.

The door: `retrieve(index, path, prefix, suffix, budget_chars)`.
"""

from cerebrum_lsp.core.retrieval.retrieve import retrieve
from cerebrum_lsp.core.retrieval.select import Detail, Piece
from cerebrum_lsp.core.retrieval.situation import Hints

__all__ = ["Detail", "Hints", "Piece", "retrieve"]

"""The evaluation kit's adapter: each function calls exactly what the product calls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cerebrum_lsp.core.async_refactor import Callees, Facts, Request, Rewritten, module_of
from cerebrum_lsp.core.async_refactor.refactor import refactor
from cerebrum_lsp.core.document import Cursor, Snapshot
from cerebrum_lsp.core.filters.pipeline import apply_filters
from cerebrum_lsp.core.index import Index
from cerebrum_lsp.core.retrieval import Piece as RetrievedPiece
from cerebrum_lsp.core.retrieval import retrieve as retrieve_pieces
from orchestrator.retrieval.excerpt import Piece
from orchestrator.retrieval.instruction import Source
from orchestrator.retrieval.pipeline import Kept, Limits, shorten
from orchestrator.retrieval.select import Budget


def build_index(files: Mapping[str, str]) -> Index:
    """Return the index of a repository's files."""
    index = Index()
    for path, text in files.items():
        index.update(path, text)
    return index


def retrieve(
    index: Index, path: str, prefix: str, suffix: str, budget_chars: int
) -> list[RetrievedPiece]:
    """Return text of other files for a cursor between prefix and suffix, the best first."""
    return retrieve_pieces(index, path, prefix, suffix, budget_chars)


def postprocess(path: str, prefix: str, suffix: str, raw: str) -> str:
    """Return what is shown of raw model output, "" for nothing."""
    cursor = Cursor(prefix.count("\n"), len(prefix) - (prefix.rfind("\n") + 1))
    # No language: as for a file that no editor has named, the extension decides.
    return apply_filters(raw, Snapshot(path, None, "", path, prefix, suffix, cursor)).text


def refactor_to_async(path: str, text: str, line: int) -> str | None:
    """Return the rewritten function at a one-based line, None when the rules decline.

    The evaluation converts whole libraries, so what is called counts as convertible.
    """
    answer = refactor(text, Request(line, Callees.CONVERTIBLE), Facts(module=module_of(path)))
    return answer.function if isinstance(answer, Rewritten) else None


@dataclass(frozen=True)
class CompressedPiece:
    """Text of `path`, and the 1-based lines that it shows whole."""

    path: str
    lines: Sequence[int]
    text: str


def compress(instruction: str, path: str, text: str, budget_chars: int) -> list[CompressedPiece]:
    """Return what goes to the model of one buffer for an instruction, in source order."""
    limits = Limits(budget=Budget(budget_chars))
    result = shorten(instruction, [Source(text, path)], limits=limits)
    if isinstance(result, Kept):
        return [CompressedPiece(path, range(1, text.count("\n") + 2), text)]
    pieces: list[Piece] = [piece for excerpt in result.excerpts for piece in excerpt.pieces()]
    return [CompressedPiece(path, piece.lines, piece.text) for piece in pieces]

"""The text of pieces as it may leave the process: without secrets, whole files considered.

A secret may stand on several lines of which a piece shows one, so each file is looked at as a
whole; what is kept of that is which of its lines read differently.
"""

from collections.abc import Mapping

from cerebrum_lsp.core.index import Index
from cerebrum_lsp.core.retrieval.select import Piece
from cerebrum_lsp.core.secrets.redact import redact

KEPT_FILES = 256

Cuts = Mapping[int, str]
"""Lines (1-based) that hold a secret, and how they read without it."""


class Shown:
    """Pieces' texts; remembers where the secrets of files stand while these don't change."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._cuts: dict[str, tuple[str, Cuts]] = {}

    def text(self, piece: Piece, own_path: str, prefix: str) -> str:
        """Return a piece's text; of the file at `own_path` only `prefix` was to be seen."""
        if piece.path == own_path:
            cuts = cuts_of(prefix)
        else:
            source = self._index.sources[piece.path]
            cuts = self._cuts_of(piece.path, source.text or "")
        lines = piece.text.split("\n")
        safe = [cuts.get(n, line) for n, line in zip(piece.lines, lines, strict=True)]
        return "\n".join([line.rstrip("\r") for line in safe]).strip("\n")

    def _cuts_of(self, path: str, text: str) -> Cuts:
        known = self._cuts.pop(path, None)
        if known is None or known[0] is not text:
            known = (text, cuts_of(text))
        self._cuts[path] = known
        while len(self._cuts) > KEPT_FILES:
            del self._cuts[next(iter(self._cuts))]
        return known[1]


def cuts_of(text: str) -> Cuts:
    """Return the lines of a text that hold secrets."""
    safe = redact(text)
    if not safe.found:
        return {}
    pairs = zip(text.split("\n"), safe.text.split("\n"), strict=True)
    return {number: new for number, (old, new) in enumerate(pairs, 1) if old != new}

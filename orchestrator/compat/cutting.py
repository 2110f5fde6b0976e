"""Where llama.cpp's `/infill` ends an answer before the model does. Pure."""

import re
from dataclasses import dataclass

FURTHER_LINE = re.compile(r"\n([ \t]*)(?=[^ \t\n])")
OPEN_END = re.compile(r"\n[ \t\n]*\Z")  # nobody knows yet how far the next line is indented


@dataclass
class Cutter:
    """Cuts a text that arrives in pieces.

    `n_indent`: the text ends before the first further line that is indented by fewer characters;
    empty lines don't count. `max_predict_s`: it ends when that long has passed since the first
    piece and a whole line is there.
    """

    n_indent: int = 0
    max_predict_s: float | None = None
    is_cut: bool = False
    _text: str = ""
    _told: int = 0
    _first_at: float | None = None

    def feed(self, piece: str, now: float) -> str:
        """Take in a piece; return what stands and was not returned before."""
        self._first_at = now if self._first_at is None else self._first_at
        self._text += piece
        end = self._dedent_at()
        self.is_cut = end is not None or self._is_late(now - self._first_at)
        return self._tell(self._open_at() if end is None else end)

    def rest(self) -> str:
        """Return what was held back, when the text has ended by itself."""
        return self._tell(len(self._text))

    def _tell(self, end: int) -> str:
        told, self._told = self._text[self._told : end], end
        return told

    def _is_late(self, elapsed_s: float) -> bool:
        is_over = self.max_predict_s is not None and elapsed_s > self.max_predict_s
        return is_over and "\n" in self._text

    def _dedent_at(self) -> int | None:
        """Return the place of the line break before the first line with too little indentation."""
        for line in FURTHER_LINE.finditer(self._text, self._told):
            if len(line[1]) < self.n_indent:
                return self._before_empty_lines(line.start())
        return None

    def _before_empty_lines(self, at: int) -> int:
        empty = OPEN_END.search(self._text, self._told, at)
        return at if empty is None else empty.start()

    def _open_at(self) -> int:
        found = OPEN_END.search(self._text, self._told) if self.n_indent else None
        return len(self._text) if found is None else found.start()

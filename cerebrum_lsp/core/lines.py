"""A text as lines, so that an edit costs what it changes and not the length of the document.

Lines end as the protocol says, with LF, CRLF or CR and nothing else: `str.splitlines` also splits
at form feeds and other separators, which no editor counts, and then every later edit goes astray.
"""

import re
from collections.abc import Sequence

from cerebrum_lsp.core.document import Cursor

LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")


def split_lines(text: str) -> list[str]:
    """Split a text into lines that keep their ends; an end at the very end begins no line."""
    return LINE.findall(text)


class Lines:
    """A text that is edited in place; `text` is put together only when somebody asks for it."""

    def __init__(self, text: str) -> None:
        self._lines = split_lines(text)
        self._text: str | None = text

    @property
    def lines(self) -> Sequence[str]:
        """The lines with their ends; not a copy."""
        return self._lines

    @property
    def text(self) -> str:
        """The whole text."""
        if self._text is None:
            self._text = "".join(self._lines)
        return self._text

    def replace(self, start: Cursor, end: Cursor, text: str) -> None:
        """Put `text` in the place of what stands between two places, in that order."""
        start, end = self._within(start), self._within(end)
        first, last = start.line, min(end.line, len(self._lines) - 1)
        before = self._lines[first][: start.column] if first < len(self._lines) else ""
        after = self._lines[end.line][end.column :] if end.line < len(self._lines) else ""
        changed = before + text + after
        # A CR and an LF that have come together are one line end.
        if first > 0 and changed.startswith("\n") and self._lines[first - 1].endswith("\r"):
            first -= 1
            changed = self._lines[first] + changed
        # And without an end of its own, what has changed runs on into the next line.
        if changed and not changed.endswith("\n") and last + 1 < len(self._lines):
            last += 1
            changed += self._lines[last]
        self._lines[first : last + 1] = split_lines(changed)
        self._text = None

    def _within(self, place: Cursor) -> Cursor:
        """Return the place, or the text's end if it lies beyond."""
        if place.line < len(self._lines):
            return place
        if not self._lines or self._lines[-1].endswith(("\n", "\r")):
            return Cursor(len(self._lines), 0)
        return Cursor(len(self._lines) - 1, len(self._lines[-1]))

"""From an old and a new text to the few lines that change."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from cerebrum_lsp.core.actions.values import TextChange
from cerebrum_lsp.core.lines import split_lines

LINE_END = re.compile(r"\r\n|\n|\r")
MANY_LINES = 2000  # from here on, lines that stand everywhere (blank ones) don't anchor the diff


def changes_between(old: str, new: str) -> tuple[TextChange, ...]:
    """Return the changes of whole lines that turn `old` into `new`."""
    before, after = split_lines(old), split_lines(new)
    head = _common(before, after)
    tail = _common(before[head:][::-1], after[head:][::-1])
    middle = before[head : len(before) - tail], after[head : len(after) - tail]
    matcher = SequenceMatcher(None, *middle, autojunk=len(middle[0]) > MANY_LINES)
    return tuple(
        replaced_lines(before, head + begin, head + end, "".join(middle[1][new_begin:new_end]))
        for kind, begin, end, new_begin, new_end in matcher.get_opcodes()
        if kind != "equal"
    )


def replaced_lines(lines: Sequence[str], begin: int, end: int, text: str) -> TextChange:
    """Return the change that puts `text` in the place of the lines `begin:end`."""
    return TextChange(*_line_start(lines, begin), *_line_start(lines, end), text)


def above(text: str, line: int, added: str) -> str:
    """Return the text with whole lines, ended as in Unix, put before one of its lines."""
    lines = split_lines(text)
    lines.insert(line, added.replace("\n", newline_of(text)))
    return "".join(lines)


def newline_of(text: str) -> str:
    """Return how the first line ends; as in Unix if it doesn't."""
    ended = LINE_END.search(text)
    return ended[0] if ended else "\n"


def _line_start(lines: Sequence[str], line: int) -> tuple[int, int]:
    """Return where a line begins; after an unended last line, that line's end."""
    if 0 < line == len(lines) and not lines[-1].endswith(("\n", "\r")):
        return line - 1, len(lines[-1])
    return line, 0


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """Return with how many equal lines both begin."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))

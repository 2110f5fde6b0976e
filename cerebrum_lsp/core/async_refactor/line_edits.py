"""Whole-line edits of a text."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from cerebrum_lsp.core.async_refactor.values import Edit

LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


def lines_of(text: str) -> list[str]:
    """Split where Python's parser does, ends kept (`str.splitlines` also splits at form feeds)."""
    return LINE.findall(text)


def applied(lines: Sequence[str], edits: Sequence[Edit]) -> str:
    """Return the text after edits that don't overlap; those at one place apply in their order."""
    pieces: list[str] = []
    position = 0
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        pieces += [*lines[position : edit.start], edit.text]
        position = edit.end
    return "".join([*pieces, *lines[position:]])


def smallest(lines: Sequence[str], edit: Edit) -> list[Edit]:
    """Return only the lines of an edit that really change."""
    old, new = lines[edit.start : edit.end], lines_of(edit.text)
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    return [
        Edit(edit.start + begin, edit.start + end, "".join(new[new_begin:new_end]))
        for kind, begin, end, new_begin, new_end in matcher.get_opcodes()
        if kind != "equal"
    ]

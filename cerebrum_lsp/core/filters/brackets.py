"""Brackets across a cursor: which of a text's closing ones belong to what stands before it.

Strings and comments are skipped by the habits of the language (`code_style`). The surroundings are
read only as far as the top-level statement around the cursor reaches, and `REACH_CHARS` at most.
"""

import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from cerebrum_lsp.core.document import Snapshot
from cerebrum_lsp.core.filters.code_style import CodeStyle, style_of

REACH_CHARS = 4000
CLOSER_OF = {"(": ")", "[": "]", "{": "}"}
CLOSERS = frozenset(CLOSER_OF.values())
NO_BEGINNING = frozenset({"", " ", "\t", "\r", "#", *CLOSERS})
LABEL = re.compile(r"\w+:\s*$")
PYTHON_DEFINITION = re.compile(r"\s*(?:async\s+)?(?:def|class)\s+\w")


@dataclass(frozen=True)
class Scan:
    """What a piece of code leaves open. Positions are offsets into it."""

    unmatched: tuple[tuple[int, str], ...]
    """Closing brackets that close nothing within the piece."""
    opened: tuple[tuple[int, str], ...]
    """Opening brackets that nothing within the piece closes."""
    pending: str
    """The beginning of the string or comment in which the piece ends, "" in code."""


def scan(code: str, style: CodeStyle, pending: str = "") -> Scan:
    """Find the brackets of `code`, which begins inside of `pending`."""
    unmatched: list[tuple[int, str]] = []
    opened: list[tuple[int, str]] = []
    offset, last = len(pending), None
    whole = pending + code
    for last in style.tokens.finditer(whole):
        bracket = last["bracket"]
        if bracket is None:
            continue
        if bracket in CLOSER_OF:
            opened.append((last.start() - offset, bracket))
        elif (depth := _depth_of(bracket, opened)) is not None:
            # Only this one: a bracket misread in one place must not close all that are around it.
            del opened[depth]
        else:
            unmatched.append((last.start() - offset, bracket))
    left = "" if last is None or last.end() < len(whole) else _beginning(last[0], style)
    return Scan(tuple(unmatched), tuple(opened), left)


def _depth_of(closer: str, opened: list[tuple[int, str]]) -> int | None:
    """Return which of the open brackets `closer` closes, skipping those of other kinds."""
    for depth in range(len(opened) - 1, -1, -1):
        if CLOSER_OF[opened[depth][1]] == closer:
            return depth
    return None


def _beginning(token: str, style: CodeStyle) -> str:
    """Return the mark that begins `token`, the last of a piece, if it goes on after the piece."""
    for mark in style.line_comments:
        if token.startswith(mark):
            return mark
    pairs = [(quote, quote) for quote in (*style.long_quotes, *style.quotes)]
    if style.block_comment is not None:
        pairs.insert(0, style.block_comment)
    for begin, end in pairs:
        if token.startswith(begin):
            is_closed = len(token) >= len(begin) + len(end) and token.endswith(end)
            return "" if is_closed else begin
    return ""


@dataclass(frozen=True)
class Surroundings:
    """What the code around a cursor leaves open."""

    pending: str
    """The beginning of the string or comment in which the cursor stands, "" in code."""
    opened: Counter[str]
    """The closing brackets that what is open at the cursor needs."""
    closed: Counter[str]
    """The closing brackets after the cursor that close nothing opened there."""
    is_whole: bool
    """Whether that is known from the beginning of the statement on."""


def surroundings(snapshot: Snapshot) -> Surroundings:
    """Return what the document around the cursor leaves open."""
    return _surroundings(snapshot.prefix, snapshot.suffix, style_of(snapshot))


# Every filter asks, and a growing completion asks again at every token, for the same place.
@lru_cache(maxsize=4)
def _surroundings(prefix: str, suffix: str, style: CodeStyle) -> Surroundings:
    before, is_whole = _statement_before(prefix, style)
    head = scan(before, style)
    after = scan(_statement_after(suffix[:REACH_CHARS], style), style, head.pending)
    return Surroundings(
        pending=head.pending,
        opened=Counter(CLOSER_OF[bracket] for _, bracket in head.opened),
        closed=Counter(bracket for _, bracket in after.unmatched),
        is_whole=is_whole,
    )


def _begins_statement(line: str, style: CodeStyle) -> bool:
    """Whether a line at the left margin is neither an end, a comment, a directive nor a label."""
    if line[:1] in NO_BEGINNING or line.startswith(style.comments) or LABEL.match(line):
        return False
    return not line.startswith(style.long_quotes)


def _statement_before(prefix: str, style: CodeStyle) -> tuple[str, bool]:
    """Return the statement's text up to the cursor, and whether its beginning is in it.

    It begins at the margin, or with the innermost definition where that has no brackets around
    it; but not within a long string, nor with its mark, which may as well be its end.
    """
    reach = prefix[-REACH_CHARS:]
    if len(prefix) > REACH_CHARS:
        reach = reach[reach.find("\n") + 1 :]  # the first line may lack its beginning
    odd = {mark: prefix.count(mark) % 2 for mark in style.long_quotes if mark in prefix}
    lines = reach.split("\n")
    for row in range(len(lines) - 1, -1, -1):
        line = lines[row]
        if row and lines[row - 1].endswith("\\"):
            continue  # a string or a macro goes on at the margin
        is_definition = style.has_offside_rule and PYTHON_DEFINITION.match(line)
        if is_definition or _begins_statement(line, style):
            text = "\n".join(lines[row:])
            if all(text.count(mark) % 2 == is_odd for mark, is_odd in odd.items()):
                return text, True
    return reach, len(prefix) <= REACH_CHARS


def _statement_after(suffix: str, style: CodeStyle) -> str:
    """Return the text from the cursor to where its top-level statement ends.

    That is the line of a bracket at the margin, or the last before the next statement.
    """
    lines = suffix.split("\n")
    for row in range(1, len(lines)):
        if lines[row][:1] in CLOSERS:
            return "\n".join(lines[: row + 1])
        if _begins_statement(lines[row], style):
            return "\n".join(lines[:row])
    return suffix


def surplus_closers(text: str, snapshot: Snapshot) -> tuple[tuple[int, str], ...]:
    """Return where and what the closing brackets are that are too many in the document."""
    around = surroundings(snapshot)
    written = scan(text, style_of(snapshot), around.pending)
    opened = Counter(CLOSER_OF[bracket] for _, bracket in written.opened)
    # What follows the cursor closes first what `text` leaves open, then what is open before it.
    needed = {
        closer: around.opened[closer] - max(0, around.closed[closer] - opened[closer])
        for closer in CLOSERS
    }
    if not around.is_whole:
        needed["}"] = len(written.unmatched)
    surplus = []
    for at, closer in written.unmatched:
        if needed[closer] <= 0:
            surplus.append((at, closer))
        needed[closer] -= 1
    return tuple(surplus)

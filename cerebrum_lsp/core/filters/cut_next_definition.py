"""Models that have finished a definition go on with the next one."""

import re
from dataclasses import dataclass

from cerebrum_lsp.core.document import Snapshot
from cerebrum_lsp.core.filters.brackets import CLOSERS, scan, surroundings
from cerebrum_lsp.core.filters.code_style import CodeStyle, style_of

KEYWORDS = r"""(?:
    class|function\*?|func|fn|fun|struct|enum|interface|trait|impl|module|namespace|macro_rules!
    |sub|object|protocol|extension|mixin|record|union|type(?=\s+\w+\s*(?:=|struct|interface))|def
)(?=\s+\w|\s*<)|func\s*\("""
MODIFIERS = r"""(?:(?:
    pub(?:\([^)\n]*\))?|public|private|protected|internal|static|final|abstract|sealed|override
    |open|data|case|async|export|default|const|inline|virtual|extern|unsafe|suspend|partial|readonly
    |get|set|local|synchronized|mutating
)\s+)*"""
DEFINITION = re.compile(
    rf"""[ \t]*(?:
    {MODIFIERS}(?:{KEYWORDS})
    | @\w[\w.]*(?:\([^\n]*\))?[ \t]*$
    | {MODIFIERS}(?!(?:if|for|while|switch|catch|else|return|do|with|using|lock|match|when)\b)
      (?:[\w<>\[\],.*&:]+\s+)*[\w~$]+\s*\([^;\n]*\)[^;=\n(]*\{{[ \t]*$
    | {MODIFIERS}(?:const|let|var)\s+\w+\s*=\s*(?:async\s*)?(?:function\b|\([^\n]*=>)
    )""",
    re.VERBOSE,
)
PYTHON_DEFINITION = re.compile(r"[ \t]*(?:(?:async[ ]+)?def[ ]+\w|class[ ]+\w|@\w[^\n]*$)")
TOP_LEVEL = re.compile(r"[A-Za-z_@]")
REACH_CHARS = 6000


def cut_next_definition(text: str, snapshot: Snapshot) -> str:
    """Cut `text` where it leaves the cursor's definition, or its own, for a new one."""
    style = style_of(snapshot)
    if not style.is_code or "\n" not in text:
        return text
    first, *rest = (snapshot.line_before + text).split("\n")
    lead = next((line for line in (first, *rest) if line.strip()), "")
    is_comment = surroundings(snapshot).pending or lead.lstrip().startswith(style.comments)
    if is_comment and not style.has_offside_rule:
        return text  # what is documented is the definition that follows
    place = _place_of(lead, snapshot)
    position = len(first) - len(snapshot.line_before) + 1
    was_blank = False
    for line in rest:
        is_new = line.strip() and text[:position].strip()
        leaves = is_new and _leaves(line, place, style, was_blank=was_blank)
        if leaves and _is_code(text, position, snapshot):
            return _without_decoration(text[:position], style)
        was_blank = not line.strip()
        position += len(line) + 1
    return text


def hold_next_definition(text: str, snapshot: Snapshot) -> str:
    """Hold back comments at the end of a growing text: they may belong to a next definition."""
    style = style_of(snapshot)
    return _without_decoration(text, style) if style.is_code else text


@dataclass(frozen=True)
class Place:
    """Where a completion begins. Columns count characters."""

    column: int
    """The column of its first line."""
    enclosing_column: int
    """The column of the innermost definition around it; 0 without one."""
    is_definition: bool
    """Whether it begins with a definition that has been asked for, or with the end of one."""


def _place_of(lead: str, snapshot: Snapshot) -> Place:
    definition = _definition_in(style_of(snapshot))
    column, is_end = _column(lead), lead.lstrip()[:1] in CLOSERS
    before = snapshot.prefix[-REACH_CHARS:].split("\n")[:-1]
    enclosing = (
        _column(line)
        for line in reversed(before)
        if line.strip() and _column(line) < column and definition.match(line)
    )
    is_asked_for = snapshot.line_before.strip() != "" or column == 0
    is_definition = is_asked_for and definition.match(lead) is not None
    return Place(column, next(enclosing, 0), is_end or is_definition)


def _definition_in(style: CodeStyle) -> re.Pattern[str]:
    return PYTHON_DEFINITION if style.has_offside_rule else DEFINITION


def _leaves(line: str, place: Place, style: CodeStyle, *, was_blank: bool) -> bool:
    """Whether `line` begins something new beside, or outside of, what begins at `place`."""
    column = _column(line)
    is_definition = _definition_in(style).match(line) is not None
    if is_definition and column < place.column:
        return column <= place.enclosing_column
    if column == 0 < place.column and TOP_LEVEL.match(line):
        return style.has_offside_rule or was_blank
    return is_definition and place.is_definition and was_blank and column == place.column


def _is_code(text: str, position: int, snapshot: Snapshot) -> bool:
    """Whether the text at `position` is neither in a string or comment nor within brackets."""
    before = scan(text[:position], style_of(snapshot), surroundings(snapshot).pending)
    inside = [bracket for _, bracket in before.opened if bracket != "{"]
    return before.pending in {"", *style_of(snapshot).line_comments} and not inside


def _without_decoration(text: str, style: CodeStyle) -> str:
    """Cut comments at the end of `text`, after a blank line: they belong to what follows."""
    lines = text.rstrip().split("\n")
    end = len(lines)
    marks = (*style.line_comments, "/*", "*", "@")
    while end > 1 and lines[end - 1].strip() and lines[end - 1].lstrip().startswith(marks):
        end -= 1
    is_own_paragraph = end < len(lines) and not lines[end - 1].strip()
    return "\n".join(lines[:end]) if is_own_paragraph else text


def _column(line: str) -> int:
    return len(line) - len(line.lstrip())

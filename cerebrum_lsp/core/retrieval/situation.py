"""What stands around the cursor, as retrieval needs it: names, scopes, imports, what is open."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from cerebrum_lsp.core.index import Index
from orchestrator.retrieval.syntax import Import, Outline, language_of, outline

WORD = re.compile(r"\b[A-Za-z_]\w*")
ATTRIBUTE = re.compile(r"\.\s*([A-Za-z_]\w*)")
CALLABLE_HEAD = re.compile(r"\b(?:def|function|func|fn|fun|sub)\s+(?:\([^)]*\)\s*)?([A-Za-z_]\w*)")
CLASS_HEAD = re.compile(
    r"\b(?:class|struct|interface|trait|impl|enum|object|module)\s+([A-Za-z_]\w*)"
)
NEAR_LINES = 60
"""How far back the place of a name's last use is looked for."""
CLOSE_LINES = 8
"""Lines whose words say what is being written."""


class Spot(Enum):
    """Where in the code the cursor stands."""

    MODULE = "module"
    CLASS = "class"
    SIGNATURE = "signature"
    OPENING = "opening"
    """Right after a line that opens a block."""
    ARGUMENTS = "arguments"
    """Inside brackets that a line before has opened."""
    BODY = "body"


@dataclass(frozen=True)
class Hints:
    """What the session knows beside the document: each a path, or text, the latest first."""

    edited_texts: Sequence[str] = ()
    """Text of recent edits, anywhere."""
    visited: Sequence[tuple[str, int, int]] = ()
    """Ranges looked at lately: path, first and last line."""
    open_paths: Sequence[str] = ()


@dataclass(frozen=True)
class Situation:
    """A cursor's surroundings."""

    path: str
    language: str | None
    lines: Sequence[str]
    """The complete lines before the cursor's line."""
    line_before: str
    """The cursor's line up to the cursor."""
    outline: Outline
    """Of the text before the cursor."""
    imports: Sequence[Import]
    counts: Mapping[str, int]
    """How often each name is used before the cursor, outside of imports."""
    attribute_counts: Mapping[str, int]
    distance: Mapping[str, int]
    """Lines from a name's last use to the cursor, for the last lines only."""
    close_words: frozenset[str]
    function_words: frozenset[str]
    suffix_words: frozenset[str]
    enclosing: Sequence[tuple[int, str]]
    """Headers around the cursor as (0-based line, text), the innermost first."""
    function_name: str | None
    class_name: str | None
    spot: Spot
    hints: Hints = field(default_factory=Hints)


def situation_of(
    index: Index, path: str, prefix: str, suffix: str = "", hints: Hints | None = None
) -> Situation:
    """Look at the text around a cursor; the index only spares a parse of the same text."""
    language = language_of(path)
    known = known_outline(index, path, prefix, language)
    *lines, line_before = prefix.split("\n")
    import_rows = {
        row for each in known.imports for row in range(each.first_line - 1, each.last_line)
    }
    code = "\n".join([line for row, line in enumerate(lines) if row not in import_rows])
    enclosing = enclosing_headers(lines)
    function_row, function_name = _head(enclosing, CALLABLE_HEAD)
    _, class_name = _head(enclosing, CLASS_HEAD)
    near = [
        line if row not in import_rows else ""
        for row, line in enumerate(lines[-NEAR_LINES:], max(0, len(lines) - NEAR_LINES))
    ]
    function_lines = lines[function_row:] if function_row is not None else near[-CLOSE_LINES:]
    return Situation(
        path=path,
        language=language,
        lines=lines,
        line_before=line_before,
        outline=known,
        imports=known.imports,
        counts=Counter(WORD.findall(code)),
        attribute_counts=Counter(ATTRIBUTE.findall(code)),
        distance=_distances(near),
        close_words=frozenset(WORD.findall("\n".join(near[-CLOSE_LINES:]))),
        function_words=frozenset(WORD.findall("\n".join(function_lines))),
        suffix_words=frozenset(WORD.findall(suffix[:4000])),
        enclosing=enclosing,
        function_name=function_name,
        class_name=class_name,
        spot=_spot(lines, enclosing),
        hints=hints or Hints(),
    )


def known_outline(index: Index, path: str, prefix: str, language: str | None) -> Outline:
    """Return the outline of the text before the cursor.

    When the index holds a text that begins with the very same characters, what it knows of these
    lines is cut out of it; what stands after them is never looked at.
    """
    source = index.sources.get(path)
    if source is None or source.text is None or not source.text.startswith(prefix):
        return outline(prefix, language)
    last_line = prefix.count("\n")
    kept = []
    for definition in source.outline.definitions:
        if definition.header_end > last_line:
            break
        kept.append(definition._replace(last_line=min(definition.last_line, last_line)))
    imports = tuple(each for each in source.outline.imports if each.last_line <= last_line)
    return Outline(language, tuple(kept), imports, last_line, source.outline.has_syntax)


def enclosing_headers(lines: Sequence[str]) -> list[tuple[int, str]]:
    """Return the lines that the cursor is indented under, the innermost first.

    Indentation tells it in any language, also where the code is still incomplete.
    """
    row = len(lines) - 1
    while row >= 0 and not lines[row].strip():
        row -= 1
    if row < 0:
        return []
    last = lines[row]
    level = indent_of(last) + (1 if last.rstrip().endswith((":", "{", "(", "[", "=>")) else 0)
    found = []
    while row >= 0 and level > 0:
        line = lines[row]
        code = line.lstrip()
        if code and len(line) - len(code) < level and code[0] not in ")]}#":
            level = len(line) - len(code)
            found.append((row, line))
        row -= 1
    return found


def indent_of(line: str) -> int:
    """Return how many white space characters begin a line; a tab counts as one."""
    return len(line) - len(line.lstrip())


def _head(
    enclosing: Sequence[tuple[int, str]], pattern: re.Pattern[str]
) -> tuple[int | None, str | None]:
    for row, text in enclosing:
        if match := pattern.search(text):
            return row, match[1]
    return None, None


def _distances(near: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for distance, line in enumerate(reversed(near)):
        for word in WORD.findall(line):
            found.setdefault(word, distance)
    return found


def _spot(lines: Sequence[str], enclosing: Sequence[tuple[int, str]]) -> Spot:
    last = next((line for line in reversed(lines) if line.strip()), "").rstrip()
    if not enclosing:
        return Spot.MODULE
    header = enclosing[0][1].rstrip()
    if header.endswith(("(", "[", "{")) and not header.endswith(") {"):
        is_signature = CALLABLE_HEAD.search(header)
        return Spot.SIGNATURE if is_signature else Spot.ARGUMENTS
    if last.endswith((":", "{")):
        return Spot.OPENING
    return Spot.CLASS if CLASS_HEAD.search(header) else Spot.BODY

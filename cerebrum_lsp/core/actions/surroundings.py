"""What stands around a cursor, by the syntax of a window: cheap in a file of any length."""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.retrieval.syntax import Definition, Outline, outline
from orchestrator.retrieval.syntax.structure import CALLABLES

ENDS = "\r\n"
LINES_AROUND = 200  # a definition that is longer than this on either side isn't seen
LINES_BACK = 400  # how much further up a line at the margin is looked for


@dataclass(frozen=True)
class Window:
    """Some lines of a document, and the zero-based number of their first one."""

    lines: tuple[str, ...]
    first: int


@dataclass(frozen=True)
class Surroundings:
    """The definitions that a selection touches, innermost first, with their headers' text.

    `is_blank` when nothing but white space is selected, `is_selection` when several lines are.
    """

    language: str
    definitions: tuple[tuple[Definition, str], ...]
    is_blank: bool
    is_selection: bool

    @property
    def function(self) -> tuple[Definition, str] | None:
        """The innermost function or method, with its header."""
        return next((each for each in self.definitions if each[0].kind in CALLABLES), None)


def window_around(lines: Sequence[str], first: int, last: int) -> Window:
    """Cut the lines around a selection, from a line at the margin on where there is one.

    What begins in the middle of a block parses badly.
    """
    begin = max(0, first - LINES_AROUND)
    if begin < len(lines):
        back = range(begin, max(-1, begin - LINES_BACK), -1)
        begin = next((at for at in back if _is_margin(lines[at])), begin)
    return Window(tuple(lines[begin : last + LINES_AROUND]), begin)


def surroundings(window: Window, language: str, first: int, last: int) -> Surroundings:
    """Parse a window; `first` and `last` are lines of the document."""
    # The parser counts lines by line feeds only.
    seen = outline("".join(f"{line.rstrip(ENDS)}\n" for line in window.lines), language)
    selected = window.lines[max(0, first - window.first) : last + 1 - window.first]
    touched = _touched(seen, first - window.first + 1, last - window.first + 1)
    return Surroundings(
        language,
        tuple((each, _header(window.lines, each)) for each in touched),
        is_blank=not "".join(selected).strip(),
        is_selection=last > first,
    )


def _touched(seen: Outline, first: int, last: int) -> list[Definition]:
    """Return the definitions around one-based lines, innermost first; else those inside."""
    around = [seen.definitions[index] for index in seen.enclosing(first)]
    inside = [each for each in seen.definitions if first < each.first_line <= last]
    return [*reversed(around), *inside]


def _header(lines: Sequence[str], definition: Definition) -> str:
    return "".join(lines[definition.head_line - 1 : definition.header_end]).strip()


def _is_margin(line: str) -> bool:
    return bool(line.strip()) and not line[0].isspace() and line[0] not in ")]}"

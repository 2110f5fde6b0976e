"""The lines that an action is about: what was selected, or the definition around the cursor."""

from collections.abc import Sequence
from dataclasses import dataclass

from cerebrum_lsp.core.actions.values import Task
from cerebrum_lsp.core.lines import split_lines
from cerebrum_lsp.core.python_tree import parsed
from orchestrator.retrieval.syntax import Definition, outline, parse
from orchestrator.retrieval.syntax.structure import CALLABLES, CONTAINERS

ENDS = "\r\n"


@dataclass(frozen=True)
class Region:
    """Whole lines `first` to `last` (zero-based, inclusive), their ends as in Unix.

    `definition` is what they are, with lines counted in the whole document from 1; None for a
    selection.
    """

    first: int
    last: int
    text: str
    definition: Definition | None = None

    @property
    def indentation(self) -> str:
        """What stands before the first line that isn't blank."""
        line = next((each for each in self.text.split("\n") if each.strip()), "")
        return line[: len(line) - len(line.lstrip(" \t"))]


def unix_lines(text: str) -> list[str]:
    """Return the lines, each ended as in Unix: the parsers count lines by line feeds only."""
    return [f"{line.rstrip(ENDS)}\n" for line in split_lines(text)]


def region_of(task: Task) -> Region | None:
    """Return what is selected, or the innermost definition; None where there is nothing."""
    lines = unix_lines(task.text)
    if task.first_line < task.last_line:
        return _cut(lines, task.first_line, task.last_line)
    definition = definition_at(lines, task.language, task.first_line)
    if definition is not None:
        return _cut(lines, definition.first_line - 1, definition.last_line - 1, definition)
    return _cut(lines, task.first_line, task.first_line)


def definition_region(task: Task) -> Region | None:
    """Return the innermost function or class around the first line."""
    lines = unix_lines(task.text)
    definition = definition_at(lines, task.language, task.first_line)
    if definition is None:
        return None
    return _cut(lines, definition.first_line - 1, definition.last_line - 1, definition)


def definition_at(lines: Sequence[str], language: str, line: int) -> Definition | None:
    """Return the innermost function or class around a zero-based line."""
    seen = outline("".join(lines), language)
    around = [seen.definitions[index] for index in seen.enclosing(line + 1)]
    found = [each for each in around if each.kind in CALLABLES | CONTAINERS]
    return found[-1] if found else None


def defined_names(text: str, language: str) -> set[tuple[str, ...]]:
    """Return the functions and classes of a text, each with those around it."""
    seen = outline("".join(unix_lines(text)), language)
    kinds = CALLABLES | CONTAINERS
    return {seen.chain(at) for at, each in enumerate(seen.definitions) if each.kind in kinds}


def syntax_errors(text: str, language: str) -> int:
    """Return how many places of a text don't parse; none where there is no grammar.

    For Python its own parser counts too: the grammar forgives a block without lines.
    """
    if language == "python" and parsed(text) is not None:
        return 0
    tree = parse(text.encode(errors="replace"), language)
    count = int(language == "python")
    if tree is None or not tree.root_node.has_error:
        return count
    pending = [tree.root_node]
    while pending:
        node = pending.pop()
        count += node.is_error or node.is_missing
        pending += [child for child in node.children if child.has_error or child.is_missing]
    return count


def _cut(
    lines: Sequence[str], first: int, last: int, definition: Definition | None = None
) -> Region | None:
    last = min(last, len(lines) - 1)
    text = "".join(lines[first : last + 1])
    return Region(first, last, text, definition) if text.strip() else None

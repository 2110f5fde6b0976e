"""Refactor to async by rules: a selection's functions one after the other, as one change."""

import ast
from collections.abc import Sequence
from typing import NamedTuple

from cerebrum_lsp.core.actions.edits import changes_between
from cerebrum_lsp.core.actions.kinds import ASYNC_CALLERS
from cerebrum_lsp.core.actions.values import Change, Refused, Task
from cerebrum_lsp.core.async_refactor import Declined, Edit, Note, Request
from cerebrum_lsp.core.lines import split_lines
from cerebrum_lsp.core.python_tree import parsed

LABEL = "Refactor to async"


class Span(NamedTuple):
    """The zero-based lines of a function, from its `def` to its last one."""

    line: int
    last_line: int


def by_rules(task: Task) -> Change | Refused:
    """Rewrite the function at the cursor, or each one that begins in the selection."""
    # LibCST takes a fifth of a second to import; whoever only names this function has no need.
    from cerebrum_lsp.core.async_refactor.refactor import refactor  # noqa: PLC0415

    text, notes = task.text, list[Note]()
    refused: Refused | None = None
    pending = functions_in(task)
    moved = dict.fromkeys(pending, 0)
    for at, function in enumerate(pending):
        request = Request(function.line + moved[function] + 1, callers=task.kind == ASYNC_CALLERS)
        answer = refactor(text, request, task.facts)
        if isinstance(answer, Declined):
            refused = refused or Refused(answer.reason, answer.is_undecided)
            continue
        # What an earlier step had to leave behind here, this one has taken along.
        notes = [note for note in notes if not function.line < note.line <= function.last_line + 1]
        notes += [Note(note.line - moved[function], note.message) for note in answer.notes]
        text = answer.text
        for later in pending[at + 1 :]:
            moved[later] += lines_gained(answer.edits, later.line + moved[later])
    if text == task.text:
        return refused or Refused("there is nothing to rewrite")
    return Change(LABEL, changes_between(task.text, text), tuple(notes))


def functions_in(task: Task) -> list[Span]:
    """Return the outermost sync functions that begin in a selection of several lines.

    Else the first line of the selection: it says by itself which function is meant.
    """
    cursor = Span(task.first_line, task.first_line)
    if task.first_line == task.last_line:
        return [cursor]
    tree = parsed(task.text)
    if tree is None:
        return [cursor]
    begun = [
        Span(node.lineno - 1, (node.end_lineno or node.lineno) - 1)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and task.first_line < node.lineno <= task.last_line + 1
    ]
    found = list[Span]()
    for span in sorted(begun):
        if not found or span.line > found[-1].last_line:
            found.append(span)
    return found or [cursor]


def lines_gained(edits: Sequence[Edit], line: int) -> int:
    """Return by how many lines edits above a line move it."""
    return sum(
        len(split_lines(edit.text)) - (edit.end - edit.start) for edit in edits if edit.end <= line
    )

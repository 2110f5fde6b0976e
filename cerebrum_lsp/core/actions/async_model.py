"""Refactor to async by a model, for what the rules can't decide: asked for one function, checked.

The answer is put into the file by us, so that nothing else can change, and the whole file is
compared with what it was.
"""

import ast
import textwrap
from collections.abc import Mapping

from cerebrum_lsp.core.actions.async_rules import LABEL, functions_in
from cerebrum_lsp.core.actions.cut_secrets import restored
from cerebrum_lsp.core.actions.edits import changes_between, newline_of
from cerebrum_lsp.core.actions.extraction import candidates
from cerebrum_lsp.core.actions.prompts import CODE_ONLY, Plan, block, tokens_for, with_complaint
from cerebrum_lsp.core.actions.python_code import (
    Piece,
    as_function,
    calls_of,
    comments_of,
    function_piece,
    import_block,
)
from cerebrum_lsp.core.actions.values import Change, Refused, Task
from cerebrum_lsp.core.async_refactor import Differs, Edit, Note, check
from cerebrum_lsp.core.async_refactor.check import resembles
from cerebrum_lsp.core.async_refactor.import_lines import import_edits
from cerebrum_lsp.core.async_refactor.line_edits import applied
from cerebrum_lsp.core.async_refactor.unused_imports import unused_import_edits
from cerebrum_lsp.core.lines import split_lines
from cerebrum_lsp.core.python_tree import parsed

TASK = """\
Make this Python function async: `async def`, `await` on calls of coroutines, `async with`, \
`async for`, and async libraries in the place of blocking ones (asyncio, httpx). Change nothing \
else: keep its name, its branches, its comments, its line breaks.

The file imports:
{imports}

The function:
{code}

Answer with the whole function. Put imports that it needs before it."""
GONE = Refused("there is no function on this line")
PROVIDED = frozenset({"asyncio", "httpx", "aiofiles"})
"""Modules that are imported for a proposal that uses them and forgot to."""


def plan(task: Task, complaint: str, room: int) -> Plan | Refused:
    """Return what to ask for the function at the cursor."""
    piece = _piece(task)
    if piece is None:
        return GONE
    code = textwrap.dedent(piece.text)
    asked = TASK.format(
        imports=block(import_block(task.text), "python"), code=block(code, "python")
    )
    return Plan(CODE_ONLY, with_complaint(asked, complaint), room * tokens_for(code))


def read(task: Task, answer: str, *, is_cut: bool) -> Change | Refused:
    """Return the change that an answer proposes, if it is the same function made async."""
    piece = _piece(task)
    if piece is None:
        return GONE
    refused = Refused("there is no code in it", is_open=True)
    for candidate in candidates(answer):
        change = _proposal(task, piece, candidate)
        if isinstance(change, Change):
            return change
        refused = change
    return Refused("it was cut off", is_open=True) if is_cut else refused


def _piece(task: Task) -> Piece | None:
    return function_piece(task.text, functions_in(task)[0].line)


def _proposal(task: Task, piece: Piece, candidate: str) -> Change | Refused:
    whole = restored(candidate, textwrap.dedent(piece.text))
    if whole is None:
        return Refused("it doesn't keep the values that were cut out", is_open=True)
    proposed = as_function(whole, piece)
    if isinstance(proposed, str):
        return Refused(proposed, is_open=True)
    text = _put(task.text, piece, proposed.text, proposed.imports)
    verdict = check(task.text, text, task.facts)
    if isinstance(verdict, Differs) and not resembles(task.text, text, task.facts):
        return Refused(verdict.reason, is_open=True)
    if lost := comments_of(piece.text) - comments_of(proposed.text):
        return Refused(f"the comment `{min(lost)}` is gone", is_open=True)
    notes = tuple(_callers(task.text, piece))
    review = verdict.reason if isinstance(verdict, Differs) else ""
    return Change(LABEL, changes_between(task.text, text), notes, review)


def _put(text: str, piece: Piece, function: str, imports: Mapping[str, str]) -> str:
    """Return the file with the function in its place, and with the imports that it needs."""
    lines, newline = split_lines(text), newline_of(text)
    ended = function if piece.is_ended else function.rstrip("\n")
    edits = [Edit(piece.first, piece.last + 1, ended.replace("\n", newline))]
    tree, rewritten = ast.parse(text), parsed(applied(lines, edits))
    if rewritten is None:
        return applied(lines, edits)
    used = {node.id for node in ast.walk(rewritten) if isinstance(node, ast.Name)}
    wanted = {statement for statement, name in imports.items() if name in used}
    wanted |= {f"import {name}" for name in PROVIDED & used}
    edits += import_edits(tree, wanted, newline)
    edits += unused_import_edits(tree, rewritten, lines)
    return applied(lines, edits)


def _callers(text: str, piece: Piece) -> list[Note]:
    """Return where the function is called from: who calls it has to await it now."""
    message = f"`{piece.name}` has to be awaited"
    outside = (line for line in calls_of(text, piece.name) if not piece.first <= line <= piece.last)
    return [Note(line + 1, message) for line in outside]

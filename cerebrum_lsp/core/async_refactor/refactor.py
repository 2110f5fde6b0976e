"""Refactor to async, by rules: from a text and a line to a new text, or a reason why not."""

import ast
import warnings

import libcst as cst

from cerebrum_lsp.core.async_refactor.blocking import Replacements
from cerebrum_lsp.core.async_refactor.choose import choose
from cerebrum_lsp.core.async_refactor.import_lines import import_edits
from cerebrum_lsp.core.async_refactor.line_edits import applied, lines_of, smallest
from cerebrum_lsp.core.async_refactor.module_level import module_level_edits
from cerebrum_lsp.core.async_refactor.module_view import Function, ModuleView
from cerebrum_lsp.core.async_refactor.obstacles import obstacle, unknown_decorators
from cerebrum_lsp.core.async_refactor.oracle import Oracle
from cerebrum_lsp.core.async_refactor.scopes import Findings
from cerebrum_lsp.core.async_refactor.transformer import AsyncTransformer
from cerebrum_lsp.core.async_refactor.undecided import UndecidedError
from cerebrum_lsp.core.async_refactor.unused_imports import unused_import_edits
from cerebrum_lsp.core.async_refactor.values import Declined, Edit, Facts, Note, Request, Rewritten

NO_FACTS = Facts()


def refactor(text: str, request: Request, facts: Facts = NO_FACTS) -> Rewritten | Declined:
    """Rewrite the function whose `def` stands on the line, or that encloses it.

    `text` is a whole Python file. The answer's text compiles: no `await` outside async code.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those are about the user's source, not about this program
        try:
            return _answer(text, request, facts)
        except RecursionError:
            return Declined("the code is nested too deeply")


def _answer(text: str, request: Request, facts: Facts) -> Rewritten | Declined:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return Declined("the file doesn't parse")
    view = ModuleView(tree, facts.module)
    target = function_at(view, request.line)
    if target is None:
        return Declined("there is no function on this line")
    reason = obstacle(target, view)
    if reason:
        return Declined(reason)
    try:
        return _rewritten(text, target, request, Oracle(view, facts, request.callees))
    except UndecidedError as undecided:
        return Declined(str(undecided), is_undecided=True)
    except cst.ParserSyntaxError:
        return Declined("the function can't be parsed alone")


def function_at(view: ModuleView, line: int) -> Function | None:
    """Return the innermost function around a one-based line, its decorators included."""
    around = [f for f in view.all_functions if first_line(f) <= line <= last_line(f)]
    return max(around, key=lambda function: function.node.lineno, default=None)


def first_line(function: Function) -> int:
    """Return the one-based line where a function begins, decorators included."""
    return min([function.node.lineno, *(d.lineno for d in function.node.decorator_list)])


def last_line(function: Function) -> int:
    """Return the one-based line where a function ends."""
    return function.node.end_lineno or function.node.lineno


def _rewritten(
    text: str, target: Function, request: Request, oracle: Oracle
) -> Rewritten | Declined:
    notes = choose(target, oracle, request.callers)
    lines = lines_of(text)
    edits = module_level_edits(lines, oracle) if request.callers else []
    imports, function_text = {"import asyncio"} if edits else set[str](), ""
    for function in outermost(oracle.converting):
        edit, findings = rewritten_function(lines, function, oracle)
        if function is target and not (findings.awaits or oracle.assumes):
            return Declined("nothing in it is known to be awaitable", is_undecided=True)
        edits.append(edit)
        imports |= findings.imports
        notes += notes_of(function, findings, oracle)
        if function is target and not findings.awaits:
            notes.append(Note(function.node.lineno, "nothing in it is awaited"))
        if first_line(function) <= target.node.lineno <= last_line(function):
            function_text = edit.text
    rewritten = compiled(applied(lines, edits))
    if rewritten is None:
        return Declined("the rules would write code that doesn't compile")
    edits += import_edits(oracle.view.tree, imports, newline_of(lines))
    edits += unused_import_edits(oracle.view.tree, rewritten, lines)
    result = applied(lines, edits)
    small = tuple(change for edit in sorted(edits, key=by_line) for change in smallest(lines, edit))
    return Rewritten(result, small, function_text, tuple(sorted(notes, key=lambda n: n.line)))


def by_line(edit: Edit) -> tuple[int, int]:
    """Order edits by their place."""
    return edit.start, edit.end


def outermost(functions: set[Function]) -> list[Function]:
    """Return the functions that aren't inside another one of them, in source order."""
    spans = [(f, first_line(f), last_line(f)) for f in functions]
    found = [
        f
        for f, first, last in spans
        if not any(o is not f and start <= first and last <= end for o, start, end in spans)
    ]
    return sorted(found, key=first_line)


def rewritten_function(
    lines: list[str], function: Function, oracle: Oracle
) -> tuple[Edit, Findings]:
    """Rewrite one function's lines; it is parsed alone, under an `if` where it is indented."""
    start, end = first_line(function) - 1, last_line(function)
    source = "".join(lines[start:end])
    head = "if True:" + newline_of(lines) if source[:1] in (" ", "\t") else ""
    module = cst.parse_module(head + source)
    transformer = AsyncTransformer(function, oracle, Replacements(oracle, function))
    code = module.visit(transformer).code.removeprefix(head)
    return Edit(start, end, code), transformer.findings


def newline_of(lines: list[str]) -> str:
    """Return how the first line ends."""
    first = lines[0] if lines else ""
    return first[len(first.rstrip("\r\n")) :] or "\n"


def notes_of(function: Function, findings: Findings, oracle: Oracle) -> list[Note]:
    """Return what a person should look at in a function, with lines."""
    notes = [
        Note(function.node.lineno, f"check that `@{name}` copes with a coroutine function")
        for name in unknown_decorators(function, oracle.view)
    ]
    for code, message in dict.fromkeys(findings.notes):
        notes.append(Note(line_of(function, code), f"`{code}`: {message}"))
    return notes


def line_of(function: Function, code: str) -> int:
    """Return the one-based line where some code stands, as it was quoted."""
    quoted = code.removesuffix("…")
    for node in ast.walk(function.node):
        if isinstance(node, ast.expr) and ast.unparse(node).startswith(quoted):
            return node.lineno
    return function.node.lineno


def compiled(text: str) -> ast.Module | None:
    """Return the tree of a text that parses, with `await` in async code only."""
    try:
        compile(text, "<rewritten>", "exec", dont_inherit=True)
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return None

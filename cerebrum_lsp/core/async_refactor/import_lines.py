"""Adds import statements where a person would put them."""

import ast
import sys

from cerebrum_lsp.core.async_refactor.values import Edit

FUTURE = "__future__"


def missing_imports(tree: ast.Module, wanted: set[str]) -> list[str]:
    """Return the wanted import statements that the module's top level doesn't hold."""
    present = {
        f"import {alias.name}" if alias.asname is None else ""
        for node in tree.body
        if isinstance(node, ast.Import)
        for alias in node.names
    } | {
        f"from {'.' * node.level}{node.module or ''} import {alias.name}"
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname is None
    }
    return sorted(wanted - present)


def insertion_line(tree: ast.Module, statement: str) -> int:
    """Return the zero-based line before which an import belongs.

    Among the imports of its kind (standard library or not) it goes in alphabetical order; with
    none of its kind, standard modules go before all imports and others behind them.
    """
    header = header_imports(tree)
    if not header:
        return after_docstring(tree)
    same = [
        node for node in header if is_standard(node) == is_standard(ast.parse(statement).body[0])
    ]
    for node in same:
        if sort_key(ast.unparse(node)) > sort_key(statement):
            return node.lineno - 1
    if same:
        return same[-1].end_lineno or same[-1].lineno
    if is_standard(ast.parse(statement).body[0]):
        return header[0].lineno - 1
    return header[-1].end_lineno or header[-1].lineno


def header_imports(tree: ast.Module) -> list[ast.Import | ast.ImportFrom]:
    """Return the imports at the top level before any other code, `__future__` left out."""
    found: list[ast.Import | ast.ImportFrom] = []
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            if getattr(node, "module", "") != FUTURE:
                found.append(node)
        elif found:
            break
    return found


def after_docstring(tree: ast.Module) -> int:
    """Return the zero-based line behind docstring and `__future__` imports."""
    line = 0
    for index, node in enumerate(tree.body):
        is_docstring = index == 0 and isinstance(node, ast.Expr)
        is_future = isinstance(node, ast.ImportFrom) and node.module == FUTURE
        if not (is_docstring or is_future):
            break
        line = node.end_lineno or node.lineno
    return line


def is_standard(node: ast.stmt) -> bool:
    """Whether an import is of the standard library."""
    match node:
        case ast.ImportFrom(module=str() as module, level=0) | ast.Import([ast.alias(module), *_]):
            return module.split(".")[0] in sys.stdlib_module_names
    return False


def sort_key(statement: str) -> tuple[bool, str]:
    """Order plain imports before `from` imports, each by module."""
    return statement.startswith("from"), statement.split()[1].lower()


def import_edits(tree: ast.Module, wanted: set[str], newline: str) -> list[Edit]:
    """Return the insertions of the statements that are missing, with a blank line where needed."""
    header = header_imports(tree)
    edits = []
    for statement in missing_imports(tree, wanted):
        line = insertion_line(tree, statement)
        before, after = blank_lines(tree, header, statement)
        edits.append(Edit(line, line, newline * before + statement + newline + newline * after))
    return edits


def blank_lines(
    tree: ast.Module, header: list[ast.Import | ast.ImportFrom], statement: str
) -> tuple[int, int]:
    """Return how many blank lines set an import of a new kind apart, before and after it."""
    parsed = ast.parse(statement).body[0]
    if any(is_standard(node) == is_standard(parsed) for node in header):
        return 0, 0
    if header:
        return (0, 1) if is_standard(parsed) else (1, 0)
    return (1, 0) if after_docstring(tree) else (0, 2)

"""Removes the imports that the rewrite has left without a use."""

import ast
import re
from collections.abc import Iterator

from cerebrum_lsp.core.async_refactor.values import Edit

WORD = re.compile(r"\w+")


def unused_import_edits(old: ast.Module, new: ast.Module, lines: list[str]) -> list[Edit]:
    """Return edits that take away what was used in the old tree and isn't in the new one.

    Only statements at the top level that stand alone on one line are touched.
    """
    idle = used_names(old) - used_names(new)
    edits = []
    for node in old.body:
        if isinstance(node, ast.Import | ast.ImportFrom) and node.lineno == node.end_lineno:
            kept = [alias for alias in node.names if bound_name(alias) not in idle]
            line = lines[node.lineno - 1]
            if len(kept) < len(node.names) and line.strip() == ast.unparse(node):
                edits.append(Edit(node.lineno - 1, node.lineno, remaining(node, kept, line)))
    return edits


def remaining(node: ast.Import | ast.ImportFrom, kept: list[ast.alias], line: str) -> str:
    """Return an import's line with only some of its names, empty with none."""
    if not kept:
        return ""
    whole, names = ast.unparse(node), node.names
    listed = ", ".join(map(ast.unparse, kept))
    return line.replace(whole, whole.removesuffix(", ".join(map(ast.unparse, names))) + listed)


def bound_name(alias: ast.alias) -> str:
    """Return the name that an import binds."""
    return alias.asname or alias.name.split(".")[0]


def used_names(tree: ast.Module) -> set[str]:
    """Return every name that code reads, and the words of strings that may be annotations."""
    return set(_used(tree))


def _used(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name):
        yield node.id
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from WORD.findall(node.value)
    for child in ast.iter_child_nodes(node):
        is_text = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
        if not is_text:
            yield from _used(child)

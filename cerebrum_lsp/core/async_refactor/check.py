"""Checks a model's proposal: is it the original made async, and nothing else."""

import ast
import textwrap
import warnings
from collections.abc import Iterator

from cerebrum_lsp.core.async_refactor.module_view import imported_names
from cerebrum_lsp.core.async_refactor.normal_form import normal_form, sync_name
from cerebrum_lsp.core.async_refactor.values import Agrees, Differs, Facts
from cerebrum_lsp.core.python_tree import UNPARSABLE
from cerebrum_lsp.core.python_tree import parsed as parsed_module

NO_FACTS = Facts()
SHOWN_CHARS = 80
REPLACING_MODULES = frozenset(
    {"asyncio", "httpx", "aiofiles", "contextlib", "collections.abc", "typing"}
)
"""Modules that the replacements come from."""


def check(original: str, proposal: str, facts: Facts = NO_FACTS) -> Agrees | Differs:
    """Compare two whole files, or two versions of a function.

    They agree when the proposal compiles (no `await` outside async code), makes something async,
    defines the same names, keeps the imports that it needs, and is the same tree once async syntax
    and the known replacements are removed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those are about the user's source, not about this program
        try:
            reason = difference(original, proposal, facts)
        except RecursionError:
            reason = "it is nested too deeply to be compared"
    return Differs(reason) if reason else Agrees()


def difference(original: str, proposal: str, facts: Facts) -> str:
    """Say how a proposal differs, empty if it agrees."""
    old = parsed(original)
    if old is None:
        return "the original doesn't parse"
    new = parsed(proposal)
    if new is None:
        return "it doesn't parse, or awaits outside async code"
    return (
        nothing_async(old, new)
        or changed_names(old, new)
        or lost_import(old, new)
        or strange_import(old, new)
        or changed_tree(old, new, facts)
    )


def parsed(text: str) -> ast.Module | None:
    """Return the tree of a text that compiles, indented or not."""
    dedented = textwrap.dedent(text)
    try:
        compile(dedented, "<proposal>", "exec", dont_inherit=True)
    except UNPARSABLE:
        return None
    return parsed_module(dedented)


def nothing_async(old: ast.Module, new: ast.Module) -> str:
    """Say that no function became async, if so."""
    return "" if count_async(new) > count_async(old) else "it makes nothing async"


def count_async(tree: ast.Module) -> int:
    """Return how many functions are async."""
    return sum(isinstance(node, ast.AsyncFunctionDef) for node in ast.walk(tree))


def changed_names(old: ast.Module, new: ast.Module) -> str:
    """Say which function, class or module-level name came or went."""
    before, after = set(defined_names(old, "")), set(defined_names(new, ""))
    if before - after:
        return f"`{min(before - after)}` isn't defined any more"
    return f"`{min(after - before)}` is new" if after - before else ""


def defined_names(node: ast.AST, prefix: str) -> Iterator[str]:
    """Yield the qualified names of functions and classes, and what the module assigns."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name):
                yield prefix + sync_name(name)
                yield from defined_names(child, f"{prefix}{sync_name(name)}.")
            case ast.Name(id=name, ctx=ast.Store()) if not prefix:
                yield name
            case _:
                yield from defined_names(child, prefix)


def lost_import(old: ast.Module, new: ast.Module) -> str:
    """Say which import is gone although its name is still used."""
    lost = imported_names(old, "").keys() - imported_names(new, "").keys()
    used = {node.id for node in ast.walk(new) if isinstance(node, ast.Name)}
    return f"the import of `{min(lost & used)}` is gone" if lost & used else ""


def strange_import(old: ast.Module, new: ast.Module) -> str:
    """Say which module is imported that neither the original nor a replacement needs.

    The normal form leaves imports out, and an import runs code.
    """
    strange = imported_modules(new) - imported_modules(old) - REPLACING_MODULES
    return f"`{min(strange)}` is imported" if strange else ""


def imported_modules(tree: ast.Module) -> set[str]:
    """Return the modules of all imports, relative ones with their dots."""
    nodes = list(ast.walk(tree))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {
        "." * node.level + (node.module or "") for node in nodes if isinstance(node, ast.ImportFrom)
    }


def resembles(original: str, proposal: str, facts: Facts = NO_FACTS) -> bool:
    """Whether a proposal that differs may still be right, and is worth a person's look.

    It defines the same names, imports nothing strange, has the same statements in the same order,
    and uses no names and no texts that weren't there.
    """
    old, new = parsed(original), parsed(proposal)
    if old is None or new is None or nothing_async(old, new):
        return False
    if changed_names(old, new) or lost_import(old, new) or strange_import(old, new):
        return False
    before, after = (normal_form(tree, facts.module, facts.async_twins) for tree in (old, new))
    same_statements = [type(node) for node in ast.walk(before) if isinstance(node, ast.stmt)] == [
        type(node) for node in ast.walk(after) if isinstance(node, ast.stmt)
    ]
    return same_statements and mentioned(after) <= mentioned(before)


def mentioned(tree: ast.Module) -> set[str]:
    """Return the names, attributes and texts of a tree."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Constant(value=str() as name):
                found.add(name)
    return found


def changed_tree(old: ast.Module, new: ast.Module, facts: Facts) -> str:
    """Say where the trees differ after normalisation."""
    before, after = (
        ast.unparse(normal_form(tree, facts.module, facts.async_twins)).splitlines()
        for tree in (old, new)
    )
    if before == after:
        return ""
    at = next(
        (i for i, (b, a) in enumerate(zip(before, after, strict=False)) if b != a),
        min(len(before), len(after)),
    )
    return f"{shown(before, at)} became {shown(after, at)}"


def shown(lines: list[str], at: int) -> str:
    """Quote a line, shortened."""
    line = lines[at].strip() if at < len(lines) else ""
    return f"`{line[:SHOWN_CHARS]}`" if line else "nothing"

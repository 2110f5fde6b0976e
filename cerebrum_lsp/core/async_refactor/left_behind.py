"""What a rewrite leaves behind that a person has to look at."""

import ast
from collections.abc import Iterator

from cerebrum_lsp.core.async_refactor.module_view import Function, ModuleView
from cerebrum_lsp.core.async_refactor.obstacles import obstacle
from cerebrum_lsp.core.async_refactor.oracle import Oracle
from cerebrum_lsp.core.async_refactor.values import Note


def module_level_note(called: Function, callers: bool) -> str:
    """Say what code outside of functions has to do, or what was done there."""
    if callers:
        return f"`{called.name}` runs in an event loop of its own here"
    return f"`{called.name}` is called at module level; run it with `asyncio.run(…)`"


def caller_note(called: Function, caller: Function, oracle: Oracle, callers: bool) -> str:
    """Say why a caller was left behind."""
    reason = obstacle(caller, oracle.view) if callers else ""
    because = f", but can't: {reason}" if reason else ""
    return f"`{caller.name}` calls `{called.name}` and has to await it{because}"


def relatives(function: Function, view: ModuleView) -> Iterator[Function]:
    """Yield the methods of this file that a method overrides, or that override it."""
    if function.cls is None:
        return
    others = [*view.ancestors(function.cls), *view.descendants(function.cls)]
    for cls in others:
        method = cls.methods.get(function.name)
        if method is not None and method is not function:
            yield method


def relative_note(function: Function, other: Function) -> Note:
    """Say that both sides of an override have to be async."""
    owner = other.cls.name if other.cls else ""
    message = f"`{owner}.{other.name}` has to become async together with `{function.name}`"
    return Note(other.node.lineno, message)


def values_notes(function: Function, view: ModuleView) -> list[Note]:
    """Note where a function is handed to other code, which won't await it by itself."""
    called = {id(node.func) for node in ast.walk(view.tree) if isinstance(node, ast.Call)}
    return [
        Note(node.lineno, f"`{function.name}` is handed on here, to code that has to await it")
        for node in ast.walk(view.tree)
        if isinstance(node, ast.Name | ast.Attribute)
        and names_function(node, function)
        and id(node) not in called
    ]


def names_function(node: ast.Name | ast.Attribute, function: Function) -> bool:
    """Whether a node reads a function under its name, a method from `self`."""
    if not isinstance(node.ctx, ast.Load):
        return False
    if isinstance(node, ast.Name):
        return function.cls is None and node.id == function.name
    instance = function.first_parameter
    own = isinstance(node.value, ast.Name) and node.value.id == instance
    return function.cls is not None and own and node.attr == function.name

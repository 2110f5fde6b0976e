"""What keeps a function from becoming async, whatever stands in it."""

import ast

from cerebrum_lsp.core.async_refactor.module_view import Function, ModuleView
from cerebrum_lsp.core.async_refactor.vocabulary import (
    CALLABLE_DUNDERS,
    HARMLESS_DECORATORS,
    RENAMED_DUNDERS,
    SYNC_ONLY_DECORATORS,
)

SPECIAL_METHODS = frozenset(
    name
    for kind in (object, type, int, float, str, bytes, list, dict, set, memoryview, property)
    for name in dir(kind)
    if name.startswith("__")
) | frozenset(
    [
        "__bytes__",
        "__bool__",
        "__call__",
        "__class_getitem__",
        "__copy__",
        "__deepcopy__",
        "__del__",
        "__enter__",
        "__exit__",
        "__fspath__",
        "__getattr__",
        "__index__",
        "__init_subclass__",
        "__int__",
        "__iter__",
        "__length_hint__",
        "__matmul__",
        "__missing__",
        "__next__",
        "__post_init__",
        "__prepare__",
        "__reversed__",
        "__set_name__",
        "__subclasscheck__",
    ]
)
"""Methods that Python itself calls."""


def obstacle(function: Function, view: ModuleView) -> str:
    """Return why a function can't become async, empty if it can."""
    if function.is_async:
        return f"`{function.name}` is async already"
    return (
        dunder_obstacle(function) or decorator_obstacle(function, view) or body_obstacle(function)
    )


def dunder_obstacle(function: Function) -> str:
    """Return why a special method has to stay sync."""
    name = function.name
    if name not in SPECIAL_METHODS or name in CALLABLE_DUNDERS:
        return ""
    if name not in RENAMED_DUNDERS:
        return f"Python calls `{name}` itself and doesn't await it"
    return "" if function.cls else f"`{name}` has no meaning outside of a class"


def decorator_obstacle(function: Function, view: ModuleView) -> str:
    """Return why a decorator keeps its function sync."""
    for decorator in function.node.decorator_list:
        name = decorator_name(decorator)
        reason = SYNC_ONLY_DECORATORS.get(view.origin(name), "")
        if not reason and name.rsplit(".", 1)[-1] in ("setter", "getter", "deleter"):
            reason = SYNC_ONLY_DECORATORS["property"]
        if reason:
            return reason
    return ""


def unknown_decorators(function: Function, view: ModuleView) -> list[str]:
    """Return the decorators that may or may not cope with a coroutine function."""
    names = [decorator_name(decorator) for decorator in function.node.decorator_list]
    return [name for name in names if name and view.origin(name) not in HARMLESS_DECORATORS]


def body_obstacle(function: Function) -> str:
    """Return why what the body yields and returns can't be async."""
    if any(isinstance(node, ast.YieldFrom) for node in function.own_nodes):
        return "`yield from` can't stand in an async generator"
    returns = [n for n in function.own_nodes if isinstance(n, ast.Return) and n.value is not None]
    if function.is_generator and returns:
        return "an async generator can't return a value"
    return ""


def decorator_name(decorator: ast.expr) -> str:
    """Return a decorator without its arguments."""
    return ast.unparse(decorator.func if isinstance(decorator, ast.Call) else decorator)

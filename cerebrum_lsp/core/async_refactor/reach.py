"""Which functions of a file do input or output, directly or through what they call.

A fixpoint over the file's call graph: a function that awaits something, or that enters or iterates
something async, becomes async; so do those that await it.
"""

import ast

from cerebrum_lsp.core.async_refactor.module_view import Function, dotted_name
from cerebrum_lsp.core.async_refactor.obstacles import body_obstacle
from cerebrum_lsp.core.async_refactor.oracle import Oracle
from cerebrum_lsp.core.async_refactor.replacements import RENAMED, REQUESTS_FUNCTIONS, TO_THREAD
from cerebrum_lsp.core.async_refactor.vocabulary import CALLABLE_DUNDERS, RENAMED_DUNDERS


def find_reached(oracle: Oracle) -> None:
    """Fill `oracle.reached`; only where callees count as convertible."""
    if not oracle.assumes:
        return
    pending = [f for f in oracle.view.all_functions if not f.is_async and may_be_async(f)]
    while found := {function for function in pending if is_async_inside(function, oracle)}:
        oracle.reached |= found
        pending = [function for function in pending if function not in found]


def may_be_async(function: Function) -> bool:
    """Whether a function may be async with its body, under its name and decorators."""
    if body_obstacle(function):
        return False
    name = function.name
    if name.startswith("__") and name.endswith("__"):
        return name in RENAMED_DUNDERS or name in CALLABLE_DUNDERS
    decorators = [ast.unparse(d) for d in function.node.decorator_list]
    return not any(d.endswith(("property", ".setter", ".getter", ".deleter")) for d in decorators)


def is_async_inside(function: Function, oracle: Oracle) -> bool:
    """Whether a function's own body needs async syntax, as it is or once it is rewritten."""
    for node in function.own_nodes:
        match node:
            case ast.Call():
                found = bool(oracle.of_call(node, function)) or blocks(node, oracle)
            case ast.withitem(context_expr):
                found = bool(oracle.of_context(context_expr, function))
            case ast.For(iter=iterable) | ast.comprehension(iter=iterable):
                found = bool(oracle.of_iterable(iterable, function))
            case _:
                continue
        if found:
            return True
    return False


def blocks(call: ast.Call, oracle: Oracle) -> bool:
    """Whether a call is one that is replaced by something awaited."""
    origin = oracle.view.origin(dotted_name(call.func))
    return origin in RENAMED or origin in TO_THREAD or origin in REQUESTS_FUNCTIONS

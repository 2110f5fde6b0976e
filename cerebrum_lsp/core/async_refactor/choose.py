"""Which functions of the file become async together with the one that was asked for."""

import ast
from collections.abc import Iterator

from cerebrum_lsp.core.async_refactor.left_behind import (
    caller_note,
    module_level_note,
    relative_note,
    relatives,
    values_notes,
)
from cerebrum_lsp.core.async_refactor.module_view import Function, running
from cerebrum_lsp.core.async_refactor.obstacles import obstacle
from cerebrum_lsp.core.async_refactor.oracle import Oracle
from cerebrum_lsp.core.async_refactor.reach import find_reached, is_async_inside
from cerebrum_lsp.core.async_refactor.values import Note

PAIRS = (("__enter__", "__exit__"), ("__iter__", "__next__"))


def choose(target: Function, oracle: Oracle, callers: bool) -> list[Note]:
    """Fill `oracle.converting` and `oracle.reached`; note the callers that are left behind."""
    _convert(target, oracle)
    find_reached(oracle)
    notes: list[Note] = []
    pending = [target]
    while pending:
        called = pending.pop()
        if not oracle.assumes:
            notes += values_notes(called, oracle.view)
            notes += _follow_relatives(called, oracle, callers, pending)
        for caller, call in callers_of(called, oracle):
            if caller is None:
                notes.append(Note(call.lineno, module_level_note(called, callers)))
            elif callers and not obstacle(caller, oracle.view):
                _convert(caller, oracle)
                pending.append(caller)
            else:
                notes.append(Note(call.lineno, caller_note(called, caller, oracle, callers)))
    return notes


def _follow_relatives(
    function: Function, oracle: Oracle, callers: bool, pending: list[Function]
) -> list[Note]:
    """Convert the overridden and overriding methods, or note them."""
    notes = []
    for other in relatives(function, oracle.view):
        if other.is_async or other in oracle.converting:
            continue
        if callers and not obstacle(other, oracle.view):
            _convert(other, oracle)
            pending.append(other)
        else:
            notes.append(relative_note(function, other))
    return notes


def callers_of(called: Function, oracle: Oracle) -> Iterator[tuple[Function | None, ast.Call]]:
    """Yield who calls a function and isn't async, with the call; None is the module itself."""
    for caller in oracle.view.all_functions:
        if caller.is_async or caller in oracle.converting:
            continue
        for node in caller.own_nodes:
            if isinstance(node, ast.Call) and called in oracle.targets(node, caller):
                yield caller, node
                break
    for statement in oracle.view.tree.body:
        for node in running(statement):
            if isinstance(node, ast.Call) and called in oracle.targets(node, None):
                yield None, node


def _convert(function: Function, oracle: Oracle) -> None:
    """Convert a function, the other half of a protocol, and inner functions that wait."""
    oracle.converting.add(function)
    for pair in PAIRS:
        if function.cls is not None and function.name in pair:
            halves = [function.cls.methods.get(name) for name in pair]
            oracle.converting.update(half for half in halves if half is not None)
    for nested in function.nested.values():
        if is_only_called(nested, function) and not obstacle(nested, oracle.view):
            _convert_if_waiting(nested, oracle)


def _convert_if_waiting(nested: Function, oracle: Oracle) -> None:
    for inner in nested.nested.values():
        if is_only_called(inner, nested):
            _convert_if_waiting(inner, oracle)
    if is_async_inside(nested, oracle):
        _convert(nested, oracle)


def is_only_called(nested: Function, around: Function) -> bool:
    """Whether an inner function is called and never handed to anybody."""
    nodes = [node for statement in around.node.body for node in ast.walk(statement)]
    called = sum(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == nested.name
        for node in nodes
    )
    named = sum(isinstance(node, ast.Name) and node.id == nested.name for node in nodes)
    return called == named

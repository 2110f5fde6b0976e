"""Calls outside of functions: they run what became async in an event loop of their own."""

import ast
from collections.abc import Sequence
from itertools import pairwise

from cerebrum_lsp.core.async_refactor.module_view import running
from cerebrum_lsp.core.async_refactor.oracle import Oracle
from cerebrum_lsp.core.async_refactor.undecided import UndecidedError
from cerebrum_lsp.core.async_refactor.values import Edit


def module_level_edits(lines: Sequence[str], oracle: Oracle) -> list[Edit]:
    """Return the edits that wrap calls of converted functions in `asyncio.run(…)`."""
    calls = [
        node
        for statement in oracle.view.tree.body
        for node in running(statement)
        if isinstance(node, ast.Call) and runs_alone(node, oracle)
    ]
    return merged([wrapped(lines, call) for call in calls])


def runs_alone(call: ast.Call, oracle: Oracle) -> bool:
    """Whether a call reaches a function that became async; give up if it is a generator."""
    converted = oracle.converting.intersection(oracle.targets(call, None))
    for function in converted:
        if function.is_generator:
            raise UndecidedError(f"`{function.name}` is used outside of functions")
    return bool(converted)


def wrapped(lines: Sequence[str], call: ast.Call) -> Edit:
    """Return the edit of a call's lines; offsets are in UTF-8 bytes, as `ast` counts."""
    start, end = call.lineno - 1, call.end_lineno or call.lineno
    last = lines[end - 1].encode()
    lines_before, cut = lines[start : end - 1], call.end_col_offset or 0
    text = "".join(lines_before).encode() + last[:cut] + b")" + last[cut:]
    inside = text[: call.col_offset] + b"asyncio.run(" + text[call.col_offset :]
    return Edit(start, end, inside.decode())


def merged(edits: list[Edit]) -> list[Edit]:
    """Return the edits in order; give up where two would change one line."""
    ordered = sorted(edits, key=lambda edit: edit.start)
    for before, after in pairwise(ordered):
        if after.start < before.end:
            raise UndecidedError("two calls on one line at module level would both need a loop")
    return ordered

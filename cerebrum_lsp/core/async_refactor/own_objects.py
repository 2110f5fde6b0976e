"""Locks, queues, HTTP sessions and files that a function makes for itself, and their async twins.

Such an object may change its class when every use of it is one that the twin has too. One that is
handed to other code, or comes from elsewhere, may be shared with threads, and stays.
"""

import ast
from collections.abc import Iterator

from cerebrum_lsp.core.async_refactor import replacements as table
from cerebrum_lsp.core.async_refactor.module_view import Function, dotted_name
from cerebrum_lsp.core.async_refactor.oracle import Oracle
from cerebrum_lsp.core.async_refactor.vocabulary import ASYNC_METHODS

CONSTRUCTORS = {"aiofiles.File": "aiofiles.open"}
"""What makes an object of a type, where it isn't the type itself."""


class OwnObjects:
    """The variables of one function that change their class."""

    def __init__(self, oracle: Oracle, function: Function) -> None:
        self.oracle = oracle
        self.function = function
        self._nodes = list(ast.walk(function.node))
        self._made = made_here(function)
        self.twins = dict(self._find())

    @property
    def uses_aiofiles(self) -> bool:
        """Whether files are opened by aiofiles."""
        known = self.oracle.facts.libraries
        return "aiofiles" in known or "aiofiles" in self.oracle.view.imports

    def twin_class(self, origin: str) -> str:
        """Return the async twin of a class: a known library's, or a sibling in the workspace."""
        if origin == "open" and self.uses_aiofiles:
            return "aiofiles.File"
        return table.TWINS.get(origin) or self.oracle.facts.async_twins.get(origin, "")

    def is_workspace_twin(self, dotted: str) -> bool:
        """Whether an async class belongs to the workspace."""
        return dotted in self.oracle.facts.async_twins.values()

    def awaits(self, twin: str, method: str) -> bool:
        """Whether a method of an async class is awaited."""
        methods = ASYNC_METHODS.get(twin, frozenset())
        return method in methods or f"{twin}.{method}" in self.oracle.facts.async_functions

    def twin_of(self, expression: ast.expr) -> str:
        """Return the async class that a variable has after the rewrite, empty if it stays."""
        return self.twins.get(expression.id, "") if isinstance(expression, ast.Name) else ""

    def new_constructor(self, call: ast.Call) -> str:
        """Return what makes the object after the rewrite, empty if this call isn't of that kind."""
        text = ast.unparse(call)
        for name, made in self._made.items():
            if name in self.twins and ast.unparse(made) == text:
                return CONSTRUCTORS.get(self.twins[name], self.twins[name])
        return ""

    def _find(self) -> Iterator[tuple[str, str]]:
        for name, made in self._made.items():
            twin = self.twin_class(self.oracle.view.origin(dotted_name(made.func)))
            if twin and (self.is_workspace_twin(twin) or self._stays_inside(name, twin)):
                yield name, twin

    def _stays_inside(self, name: str, twin: str) -> bool:
        allowed = sum(is_allowed_use(node, name, twin) for node in self._nodes)
        return allowed == sum(
            isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)
            for node in self._nodes
        )


def made_here(function: Function) -> dict[str, ast.Call]:
    """Return the variables that a function binds just once, to a call."""
    bound: dict[str, list[ast.expr | None]] = {}
    for node in function.own_nodes:
        match node:
            case ast.Assign([ast.Name(id)], value) | ast.AnnAssign(ast.Name(id), value=value):
                bound.setdefault(id, []).append(value)
            case ast.withitem(value, ast.Name(id)):
                bound.setdefault(id, []).append(value)
    calls = {name: values[0] for name, values in bound.items() if len(values) == 1}
    return {name: value for name, value in calls.items() if isinstance(value, ast.Call)}


def is_allowed_use(node: ast.AST, name: str, twin: str) -> bool:
    """Whether a node uses a variable in a way that its async twin supports."""
    match node:
        case ast.Call(ast.Attribute(ast.Name(id), method), arguments, keywords) if id == name:
            plain = not arguments and not keywords
            needs_plain = method in table.ARGUMENTLESS.get(twin, ())
            named = {keyword.arg for keyword in keywords}
            has_twin = method in table.TWIN_METHODS[twin] and (plain or not needs_plain)
            return has_twin and not (twin.endswith("Queue") and named & {"timeout", "block"})
        case ast.Attribute(ast.Name(id), attribute) if id == name:
            return attribute in table.TWIN_ATTRIBUTES.get(twin, ())
        case ast.withitem(ast.Name(id)) | ast.For(iter=ast.Name(id)) if id == name:
            return (
                twin in table.ENTERED if isinstance(node, ast.withitem) else twin in table.ITERATED
            )
    return False

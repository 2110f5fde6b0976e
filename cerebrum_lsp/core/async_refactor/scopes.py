"""Follows the scopes of one function while it is rewritten: where `await` may stand."""

# ruff: noqa: N802, D102 - the visitors' names are libcst's

import ast
from dataclasses import dataclass, field

import libcst as cst

from cerebrum_lsp.core.async_refactor import syntax
from cerebrum_lsp.core.async_refactor.annotations import async_annotation, outer_type
from cerebrum_lsp.core.async_refactor.http_client import ClientBlocks
from cerebrum_lsp.core.async_refactor.module_view import Function
from cerebrum_lsp.core.async_refactor.oracle import Oracle
from cerebrum_lsp.core.async_refactor.reach import may_be_async
from cerebrum_lsp.core.async_refactor.vocabulary import RENAMED_DUNDERS


@dataclass
class Frame:
    """What surrounds a node: the function, and whether `await` may stand here."""

    function: Function
    is_async: bool
    where: str = ""
    """What forbids `await`, for the reason."""


@dataclass
class Findings:
    """What the rewrite of a function used and noticed."""

    imports: set[str] = field(default_factory=set)
    """Import statements that the new code needs."""
    notes: list[tuple[str, str]] = field(default_factory=list)
    """Code and what to look at there."""
    awaits: int = 0


class Scopes(ClientBlocks):
    """Turns functions async that become so, and knows in which one a node stands."""

    def __init__(self, function: Function, oracle: Oracle) -> None:
        super().__init__(free_name(function))
        self.root = function
        self.oracle = oracle
        self.findings = Findings()
        self.frames: list[Frame] = []

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        if not self.frames:
            self.frames.append(Frame(self.root, is_async=True))
            return True
        nested = self.frames[-1].function.nested.get(node.name.value)
        if nested is None or nested.is_async:
            self.frames.append(Frame(self.frames[-1].function, is_async=False))
            return False
        becomes = bool(self.oracle.becomes_async(nested)) and may_be_async(nested)
        where = "" if becomes else f"the inner function `{nested.name}`"
        self.frames.append(Frame(nested, becomes, where))
        return True

    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef:
        frame = self.frames.pop()
        if not frame.is_async:
            return updated_node
        name = frame.function.name
        if frame.function is self.root and frame.function.cls is not None:
            name = RENAMED_DUNDERS.get(name, name)
        sync_method = name == "__aiter__" and not frame.function.is_generator
        return self._annotated(updated_node, frame.function).with_changes(
            name=updated_node.name.with_changes(value=name),
            asynchronous=None if sync_method else cst.Asynchronous(),
        )

    def _annotated(self, node: cst.FunctionDef, function: Function) -> cst.FunctionDef:
        """Return the function with the annotation that fits an async generator."""
        if node.returns is None or not function.is_generator:
            return node
        origin = self.oracle.view.origin(outer_type(node.returns))
        changed = async_annotation(node.returns, origin)
        if changed is None:
            return node
        annotation, needed = changed
        self.findings.imports |= {needed} if needed else set()
        return node.with_changes(returns=annotation)

    def visit_ClassDef(self, node: cst.ClassDef) -> bool:
        return False

    def visit_Decorator(self, node: cst.Decorator) -> bool:
        return False

    def leave_Decorator(
        self, original_node: cst.Decorator, updated_node: cst.Decorator
    ) -> cst.Decorator:
        frame = self.frames[-1]
        if not frame.is_async:
            return updated_node
        origin = self.oracle.view.origin(syntax.code(original_node.decorator))
        if origin != "contextlib.contextmanager":
            return updated_node
        if isinstance(original_node.decorator, cst.Name):
            self.findings.imports.add("from contextlib import asynccontextmanager")
            return updated_node.with_changes(decorator=cst.Name("asynccontextmanager"))
        return updated_node.with_changes(
            decorator=original_node.decorator.with_changes(attr=cst.Name("asynccontextmanager"))
        )

    def visit_Parameters(self, node: cst.Parameters) -> bool:
        return False

    def visit_Annotation(self, node: cst.Annotation) -> bool:
        return False

    def visit_Await(self, node: cst.Await) -> bool:
        return False

    def visit_Lambda(self, node: cst.Lambda) -> bool:
        self.frames.append(Frame(self.frames[-1].function, is_async=False, where="a lambda"))
        return True

    def leave_Lambda(self, original_node: cst.Lambda, updated_node: cst.Lambda) -> cst.Lambda:
        self.frames.pop()
        return updated_node

    def visit_GeneratorExp(self, node: cst.GeneratorExp) -> bool:
        where = "a generator expression"
        self.frames.append(Frame(self.frames[-1].function, is_async=False, where=where))
        return True

    def leave_GeneratorExp(
        self, original_node: cst.GeneratorExp, updated_node: cst.GeneratorExp
    ) -> cst.GeneratorExp:
        self.frames.pop()
        return updated_node


def free_name(function: Function) -> str:
    """Return a name for the client that the function doesn't use."""
    taken = {node.id for node in ast.walk(function.node) if isinstance(node, ast.Name)}
    taken |= {node.arg for node in ast.walk(function.node) if isinstance(node, ast.arg)}
    candidates = ("client", "http_client", *(f"client_{number}" for number in range(2, 99)))
    return next(name for name in candidates if name not in taken)

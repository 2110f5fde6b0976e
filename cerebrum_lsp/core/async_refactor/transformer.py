"""Rewrites one function's concrete syntax tree, white space and comments kept."""

# ruff: noqa: N802, D102 - the visitors' names are libcst's

import ast
from typing import cast

import libcst as cst

from cerebrum_lsp.core.async_refactor import syntax
from cerebrum_lsp.core.async_refactor.blocking import Replacements
from cerebrum_lsp.core.async_refactor.module_view import Function
from cerebrum_lsp.core.async_refactor.oracle import Oracle
from cerebrum_lsp.core.async_refactor.replacements import FOREIGN_RESPONSE_ATTRIBUTES
from cerebrum_lsp.core.async_refactor.swapping import Swapping
from cerebrum_lsp.core.async_refactor.undecided import UndecidedError
from cerebrum_lsp.core.async_refactor.values import Verdict


class AsyncTransformer(Swapping):
    """Turns the outermost function async, with what it calls, enters and iterates."""

    def __init__(self, function: Function, oracle: Oracle, replacements: Replacements) -> None:
        super().__init__(function, oracle, replacements)
        self._consumed: set[cst.BaseExpression] = set()
        """What is entered or iterated as it is, without being awaited."""

    # ---- calls and names

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        call = cast("ast.Call", syntax.as_ast(original_node))
        function = self.frames[-1].function
        swap = self.replacements.of_call(call, function)
        updated_node = syntax.with_callable(updated_node)
        if swap is not None:
            return self.swapped(original_node, updated_node, swap)
        is_consumed = original_node in self._consumed and not self.oracle.targets(call, function)
        verdict = Verdict.NO if is_consumed else self.oracle.of_call(call, function)
        if not self.allowed(verdict, original_node):
            return self._consumer(call, function, original_node, updated_node)
        if syntax.is_call_of(call, "next"):
            updated_node = updated_node.with_changes(func=cst.Name("anext"))
        return self.awaited(updated_node)

    def visit_Attribute(self, node: cst.Attribute) -> None:
        self._plain_names.add(node.attr)

    def visit_Arg(self, node: cst.Arg) -> None:
        if node.keyword is not None:
            self._plain_names.add(node.keyword)

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        if original_node.attr.value in FOREIGN_RESPONSE_ATTRIBUTES:
            attribute = cast("ast.Attribute", syntax.as_ast(original_node))
            self.replacements.check_attribute(attribute, self.frames[-1].function)
        updated_node = updated_node.with_changes(value=syntax.as_primary(updated_node.value))
        return self.renamed(original_node) or updated_node

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        return self.renamed(original_node) or updated_node

    def leave_Subscript(
        self, original_node: cst.Subscript, updated_node: cst.Subscript
    ) -> cst.Subscript:
        return updated_node.with_changes(value=syntax.as_primary(updated_node.value))

    # ---- with, for, comprehensions

    def visit_WithItem(self, node: cst.WithItem) -> None:
        if self.oracle.of_context(syntax.as_ast(node.item), self.frames[-1].function):
            self._consumed.add(node.item)

    def visit_For(self, node: cst.For) -> None:
        super().visit_For(node)
        self._note_iterated(node.iter)

    def visit_CompFor(self, node: cst.CompFor) -> None:
        self._note_iterated(node.iter)

    def _note_iterated(self, node: cst.BaseExpression) -> None:
        if self.oracle.of_iterable(syntax.as_ast(node), self.frames[-1].function):
            self._consumed.add(node)

    def leave_With(self, original_node: cst.With, updated_node: cst.With) -> cst.BaseStatement:
        if original_node.asynchronous is None:
            verdicts = [self._of_item(item) for item in original_node.items]
            if all(verdicts):
                updated_node = updated_node.with_changes(asynchronous=cst.Asynchronous())
                self.findings.awaits += 1
            elif any(verdicts):
                raise UndecidedError("one `with` enters both sync and async context managers")
            elif syntax.count_awaits(updated_node.body) > syntax.count_awaits(original_node.body):
                self._check_held(original_node)
        return self.leave_block(original_node, updated_node)

    def leave_For(self, original_node: cst.For, updated_node: cst.For) -> cst.BaseStatement:
        if original_node.asynchronous is None and self._iterates(original_node.iter):
            updated_node = updated_node.with_changes(asynchronous=cst.Asynchronous())
        return self.leave_block(original_node, updated_node)

    def leave_CompFor(self, original_node: cst.CompFor, updated_node: cst.CompFor) -> cst.CompFor:
        if original_node.asynchronous is None and self._iterates(original_node.iter):
            return updated_node.with_changes(asynchronous=cst.Asynchronous())
        return updated_node

    def leave_Raise(self, original_node: cst.Raise, updated_node: cst.Raise) -> cst.Raise:
        if self.frames[-1].function.name != "__next__" or original_node.exc is None:
            return updated_node
        renamed = syntax.with_name(original_node.exc, "StopIteration", "StopAsyncIteration")
        return updated_node.with_changes(exc=renamed or updated_node.exc)

    # ---- decisions

    def _of_item(self, item: cst.WithItem) -> bool:
        expression, function = syntax.as_ast(item.item), self.frames[-1].function
        if self.replacements.of_context(expression, function):
            return self.allowed(Verdict.KNOWN, item.item)
        return self.allowed(self.oracle.of_context(expression, function), item.item)

    def _check_held(self, node: cst.With) -> None:
        for item in node.items:
            self.replacements.check_held(syntax.as_ast(item.item), self.frames[-1].function)

    def _iterates(self, node: cst.BaseExpression) -> bool:
        expression, function = syntax.as_ast(node), self.frames[-1].function
        verdict = self.oracle.of_iterable(expression, function)
        if self.replacements.own.twin_of(expression) == "aiofiles.File":
            verdict = Verdict.KNOWN
        allowed = self.allowed(verdict, node)
        self.findings.awaits += allowed
        return allowed

    def _consumer(
        self, call: ast.Call, function: Function, original: cst.Call, updated: cst.Call
    ) -> cst.Call:
        """Rewrite `iter`; give up where another builtin consumes what becomes async."""
        if not syntax.is_builtin_consumer(call):
            return updated
        verdict = self.oracle.of_iterable(call.args[0], function)
        if verdict and syntax.is_call_of(call, "iter"):
            return updated.with_changes(func=cst.Name("aiter"))
        if verdict is Verdict.KNOWN:
            raise UndecidedError(f"`{syntax.one_line(original)}` can't consume an async iterator")
        return updated

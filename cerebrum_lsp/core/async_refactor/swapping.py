"""Writes replacements down: what a decided swap looks like in the code."""

import libcst as cst

from cerebrum_lsp.core.async_refactor import syntax
from cerebrum_lsp.core.async_refactor.blocking import Replacements, Swap
from cerebrum_lsp.core.async_refactor.module_view import Function
from cerebrum_lsp.core.async_refactor.oracle import Oracle
from cerebrum_lsp.core.async_refactor.scopes import Scopes
from cerebrum_lsp.core.async_refactor.undecided import UndecidedError
from cerebrum_lsp.core.async_refactor.values import Verdict


class Swapping(Scopes):
    """Applies swaps, and says where `await` is allowed."""

    def __init__(self, function: Function, oracle: Oracle, replacements: Replacements) -> None:
        super().__init__(function, oracle)
        self.replacements = replacements
        self._plain_names: set[cst.Name] = set()
        """Attributes and keywords: names that aren't looked up."""

    def allowed(self, verdict: Verdict, node: cst.BaseExpression) -> bool:
        """Whether async syntax can stand here; what is certain but can't is given up."""
        if not verdict:
            return False
        frame, text = self.frames[-1], syntax.one_line(node)
        if frame.is_async:
            if verdict is Verdict.ASSUMED:
                self.findings.notes.append((text, "taken as async, which it has to become"))
            return True
        if verdict is Verdict.KNOWN:
            raise UndecidedError(f"`{text}` has to be awaited, but {frame.where} can't await")
        self.findings.notes.append((text, f"not awaited, since {frame.where} can't await"))
        return False

    def awaited(self, node: cst.BaseExpression) -> cst.Await:
        """Return the expression awaited, and count it."""
        self.findings.awaits += 1
        return cst.Await(expression=node)

    def swapped(self, original: cst.Call, call: cst.Call, swap: Swap) -> cst.BaseExpression:
        """Return the call as the swap wants it, awaited or not."""
        if swap.note:
            self.findings.notes.append((syntax.one_line(original), swap.note))
        if swap == Swap(awaited=False, note=swap.note):
            return call
        if swap.awaited:
            self.allowed(Verdict.KNOWN, original)
        new = self._call_of(original, syntax.with_keywords(call, swap.keywords), swap)
        return self.awaited(new) if swap.awaited else new

    def _call_of(self, original: cst.Call, call: cst.Call, swap: Swap) -> cst.Call:
        if swap.in_thread:
            self.findings.imports.add("import asyncio")
            return syntax.in_thread(call)
        if swap.by_client:
            self.findings.imports.add("import httpx")
            return call.with_changes(func=self.client_method(swap.by_client))
        if swap.method:
            return call.with_changes(
                func=cst.ensure_type(call.func, cst.Attribute).with_changes(
                    attr=cst.Name(swap.method)
                )
            )
        new = call.with_changes(func=self._function_of(original, swap.function))
        if swap.function == "httpx.AsyncClient" and not call.args:
            new = new.with_changes(args=syntax.client_arguments())
        return new

    def _function_of(self, original: cst.Call, dotted: str) -> cst.BaseExpression:
        """Spell a new callable: a sibling beside its sync twin, anything else by its module."""
        module, _, name = dotted.rpartition(".")
        if not self.replacements.own.is_workspace_twin(dotted):
            self.findings.imports.add(f"import {module}")
            return cst.parse_expression(dotted)
        if isinstance(original.func, cst.Attribute):
            return original.func.with_changes(attr=cst.Name(name))
        self.findings.imports.add(f"from {module} import {name}")
        return cst.Name(name)

    def renamed(self, node: cst.Name | cst.Attribute) -> cst.BaseExpression | None:
        """Return the new name of what follows a replacement, None where it stays."""
        if not self.frames or not self.frames[-1].is_async or node in self._plain_names:
            return None
        if not self.replacements.renames_names:
            return None
        expression = syntax.as_ast(node)
        new = self.replacements.renamed_name(expression, self.frames[-1].function)
        if not new:
            return None
        self.findings.imports.add(f"import {new.split('.')[0]}")
        return cst.parse_expression(new)

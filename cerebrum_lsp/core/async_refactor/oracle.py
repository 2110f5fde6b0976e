"""Decides which calls are awaited, and which `with` and `for` become async."""

import ast

from cerebrum_lsp.core.async_refactor.call_verdicts import CallVerdicts
from cerebrum_lsp.core.async_refactor.module_view import Class, Function, dotted_name
from cerebrum_lsp.core.async_refactor.naming import is_context_manager, is_logger, is_standard
from cerebrum_lsp.core.async_refactor.values import Verdict, assumed, surest
from cerebrum_lsp.core.async_refactor.vocabulary import (
    ASYNC_CONTEXTS,
    ASYNC_ITERABLES,
    CONTEXT_WORDS,
    ITERATOR_WORDS,
    LOCK_WORDS,
    LOCKS,
)
from cerebrum_lsp.core.async_refactor.words import camel_words, words


class Oracle(CallVerdicts):
    """Answers for calls, for what is entered and for what is iterated."""

    def of_call(self, call: ast.Call, function: Function | None) -> Verdict:
        """Whether the call is awaited; `next` is where it takes from an async iterator."""
        match call:
            case ast.Call(ast.Name("next"), [iterator]) if not self.bindings.is_local(
                "next", function
            ):
                return self.of_iterable(iterator, function)
        return super().of_call(call, function)

    def of_context(self, expression: ast.expr, function: Function | None) -> Verdict:
        """Whether something is entered with `async with`."""
        if isinstance(expression, ast.Call):
            target = self._target(expression, function)
            if target is not None and is_context_manager(target):
                return self.becomes_async(target)
            if self.view.origin(dotted_name(expression.func)) in ASYNC_CONTEXTS:
                return Verdict.KNOWN
        type_name = self.bindings.type_of(expression, function)
        if type_name in ASYNC_CONTEXTS or self.is_async_method(type_name, "__aenter__"):
            return Verdict.KNOWN
        if type_name in self.view.classes:
            return self._entered(self.view.classes[type_name])
        if not self.assumes:
            return Verdict.NO
        return assumed(self._enters_by_name(expression, type_name))

    def _entered(self, cls: Class) -> Verdict:
        methods = [m for d in ("__enter__", "__exit__") for m in self.view.methods(cls, d)]
        if not methods and self.view.methods(cls, "__aenter__"):
            return Verdict.KNOWN
        return surest([self.becomes_async(method) for method in methods])

    def _enters_by_name(self, expression: ast.expr, type_name: str) -> bool:
        if type_name:
            last = type_name.rsplit(".", 1)[-1]
            named = last in LOCKS or camel_words(last)[-1] in CONTEXT_WORDS
            return named and not is_standard(type_name)
        match expression:
            case ast.Attribute(attr=name) | ast.Name(id=name):
                return words(name)[-1] in LOCK_WORDS
            case ast.Call(func=ast.Attribute(attr=name)):
                return words(name)[-1] in CONTEXT_WORDS
        return False

    def of_iterable(self, expression: ast.expr, function: Function | None) -> Verdict:
        """Whether something is iterated with `async for`."""
        if isinstance(expression, ast.Call):
            target = self._target(expression, function)
            if target is not None:
                return self.becomes_async(target) if target.is_generator else Verdict.NO
        type_name = self.bindings.type_of(expression, function)
        if type_name in ASYNC_ITERABLES or self.is_async_method(type_name, "__anext__"):
            return Verdict.KNOWN
        if type_name in self.view.classes:
            return self._iterated(self.view.classes[type_name])
        match expression:
            case ast.Call(func=ast.Attribute(receiver, name)) if not type_name:
                named = words(name)[0] in ITERATOR_WORDS
                return assumed(self.assumes and named and not is_logger(receiver))
        return Verdict.NO

    def _iterated(self, cls: Class) -> Verdict:
        methods = [m for d in ("__iter__", "__next__") for m in self.view.methods(cls, d)]
        if not methods and self.view.methods(cls, "__aiter__"):
            return Verdict.KNOWN
        return surest([self.becomes_async(method) for method in methods])

    def _target(self, call: ast.Call, function: Function | None) -> Function | None:
        return next(iter(self.targets(call, function)), None)

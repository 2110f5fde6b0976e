"""Decides which calls are awaited."""

import ast
from collections.abc import Iterable

from cerebrum_lsp.core.async_refactor.bindings import Bindings, names_class
from cerebrum_lsp.core.async_refactor.module_view import Class, Function, ModuleView, dotted_name
from cerebrum_lsp.core.async_refactor.naming import is_io_name, is_logger, is_standard, is_super
from cerebrum_lsp.core.async_refactor.values import Callees, Facts, Verdict, assumed, surest
from cerebrum_lsp.core.async_refactor.vocabulary import (
    ASYNC_METHODS,
    CLIENT_VERBS,
    CLIENT_WORDS,
    CONTAINERS,
    COROUTINES,
    HTTP_METHODS,
    SYNC_LAST_WORDS,
)
from cerebrum_lsp.core.async_refactor.words import words


class CallVerdicts:
    """Answers for one file; `converting` and `reached` may grow until the analysis is done."""

    def __init__(self, view: ModuleView, facts: Facts, callees: Callees) -> None:
        self.view = view
        self.facts = facts
        self.bindings = Bindings(view)
        self.assumes = callees is Callees.CONVERTIBLE
        self.converting: set[Function] = set()
        """Functions that this rewrite makes async."""
        self.reached: set[Function] = set()
        """Functions of the file that would become async because they do input or output."""

    # ---- calls

    def of_call(self, call: ast.Call, function: Function | None) -> Verdict:
        """Whether the call is awaited."""
        match call.func:
            case ast.Name(id):
                return self._bare(id, function)
            case ast.Attribute(value, attr):
                return self._method(value, attr, function)
        return Verdict.NO

    def _bare(self, name: str, function: Function | None) -> Verdict:
        target = self.view.lookup(name, function)
        if target is not None:
            return self.of_function(target)
        if self.bindings.is_local(name, function) or name in self.view.classes:
            return Verdict.NO
        return self._imported(self.view.origin(name)) if name in self.view.imports else Verdict.NO

    def of_function(self, target: Function) -> Verdict:
        """Whether a call of a function of this file is awaited."""
        if target.is_generator:
            return Verdict.NO
        return self.becomes_async(target)

    def becomes_async(self, target: Function) -> Verdict:
        """Whether a function of this file is async, or will be."""
        if target.is_async or target in self.converting:
            return Verdict.KNOWN
        return Verdict.ASSUMED if target in self.reached else Verdict.NO

    def _imported(self, origin: str) -> Verdict:
        if origin in self.facts.async_functions or origin in COROUTINES:
            return Verdict.KNOWN
        if not self.assumes or not self._is_sibling(origin) or names_class(origin):
            return Verdict.NO
        module, _, name = origin.rpartition(".")
        return assumed(is_io_name(name) or "async" in module)

    def _is_sibling(self, origin: str) -> bool:
        """Whether a dotted name belongs to the package of the file."""
        top = self.facts.module.split(".")[0]
        return origin.startswith(".") or (bool(top) and origin.split(".", maxsplit=1)[0] == top)

    def _method(self, receiver: ast.expr, name: str, function: Function | None) -> Verdict:
        if names_class(name) or is_logger(receiver):
            return Verdict.NO
        if is_super(receiver):
            return self._super(name, function)
        imported = dotted_name(receiver)
        root = imported.split(".")[0]
        if root in self.view.imports and not self.bindings.is_local(root, function):
            return self._imported_member(self.view.origin(imported), name)
        return self._typed(self.bindings.type_of(receiver, function), receiver, name)

    def _super(self, name: str, function: Function | None) -> Verdict:
        while function is not None and function.cls is None:
            function = function.parent
        if function is None or function.cls is None:
            return Verdict.NO
        inherited = [
            ancestor.methods[name]
            for ancestor in list(self.view.ancestors(function.cls))[1:]
            if name in ancestor.methods
        ][:1]
        if inherited:
            return self._any_of(inherited, name)
        if name == function.name and self.assumes and self.becomes_async(function):
            return Verdict.ASSUMED
        return self._by_name(name)

    def _imported_member(self, owner: str, name: str) -> Verdict:
        dotted = f"{owner}.{name}"
        if dotted in self.facts.async_functions or dotted in COROUTINES:
            return Verdict.KNOWN
        if names_class(owner) or not is_standard(owner):
            return self._imported(dotted)
        return Verdict.NO

    def _typed(self, type_name: str, receiver: ast.expr, name: str) -> Verdict:
        if type_name in ASYNC_METHODS:
            return Verdict.KNOWN if name in ASYNC_METHODS[type_name] else Verdict.NO
        if self.is_async_method(type_name, name):
            return Verdict.KNOWN
        if type_name in self.view.classes:
            return self._of_class(self.view.classes[type_name], name)
        if type_name in CONTAINERS or (type_name and is_standard(type_name)):
            return Verdict.NO
        return self._untyped(receiver, name)

    def is_async_method(self, type_name: str, name: str) -> bool:
        """Whether the workspace defines a method, or its async twin's, as async."""
        twin = self.facts.async_twins.get(type_name, type_name)
        return bool(type_name) and f"{twin}.{name}" in self.facts.async_functions

    def _of_class(self, cls: Class, name: str) -> Verdict:
        methods = self.view.methods(cls, name)
        if methods:
            return self._any_of(methods, name)
        inherited_verb = name.startswith("_") and name[1:] in HTTP_METHODS
        return self._by_name(name) or assumed(self.assumes and inherited_verb)

    def _any_of(self, methods: Iterable[Function], name: str) -> Verdict:
        listed = list(methods)
        if all(m.is_abstract and not m.is_async for m in listed):
            known = surest([self.of_function(m) for m in listed])
            return known or self._by_name(name)
        return surest([self.of_function(m) for m in listed])

    def _untyped(self, receiver: ast.expr, name: str) -> Verdict:
        candidates = self.view.methods_by_name.get(name, [])
        if not self.assumes or isinstance(receiver, ast.Constant):
            return Verdict.NO
        return assumed(bool(self._any_of(candidates, name))) or self._asked(receiver, name)

    def _asked(self, receiver: ast.expr, name: str) -> Verdict:
        """Judge by the names of the method and of the object that it is called on."""
        holders = [words(part)[-1] for part in dotted_name(receiver).split(".")]
        if "client" in holders and words(name)[-1] not in SYNC_LAST_WORDS:
            return Verdict.ASSUMED
        holder = holders[-1]
        if holder in CLIENT_WORDS and name in CLIENT_VERBS:
            return Verdict.ASSUMED
        return self._by_name(name)

    def _by_name(self, name: str) -> Verdict:
        return assumed(self.assumes and is_io_name(name))

    def targets(self, call: ast.Call, function: Function | None) -> list[Function]:
        """Return the functions of this file that a call may reach."""
        match call.func:
            case ast.Name(id):
                found = self.view.lookup(id, function)
                return [found] if found else []
            case ast.Attribute(value, attr):
                owner = self.bindings.type_of(value, function)
                if owner in self.view.classes:
                    return self.view.methods(self.view.classes[owner], attr)
        return []

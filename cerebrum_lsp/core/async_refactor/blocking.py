"""Decides, for one function, which blocking calls are replaced and how."""

import ast
from dataclasses import dataclass

from cerebrum_lsp.core.async_refactor import replacements as table
from cerebrum_lsp.core.async_refactor.http_requests import has_timeout, renamed_keywords
from cerebrum_lsp.core.async_refactor.module_view import Function, dotted_name
from cerebrum_lsp.core.async_refactor.oracle import Oracle
from cerebrum_lsp.core.async_refactor.own_objects import OwnObjects
from cerebrum_lsp.core.async_refactor.undecided import UndecidedError


@dataclass(frozen=True)
class Swap:
    """How one call changes.

    `function` is its new dotted name; `method` its new last name only; `in_thread` passes the old
    function to `asyncio.to_thread`; `by_client` calls that method of an httpx client around it.
    With none of them the call stays, and only the note is wanted.
    """

    function: str = ""
    method: str = ""
    in_thread: bool = False
    by_client: str = ""
    awaited: bool = True
    keywords: tuple[tuple[str, str], ...] = ()
    note: str = ""


class Replacements:
    """The replacements of one function of the file."""

    def __init__(self, oracle: Oracle, function: Function) -> None:
        self.oracle = oracle
        self.view = oracle.view
        self.root = function
        self.own = OwnObjects(oracle, function)
        self.touches_requests = self._touches("requests")
        self.touches_queue = any(new.endswith("Queue") for new in self.own.twins.values())
        self.renames_names = self.touches_requests or self.touches_queue

    def origin_of(self, expression: ast.expr, function: Function) -> str:
        """Return where a dotted expression comes from, empty where a local hides it."""
        name = dotted_name(expression)
        if not name or self.oracle.bindings.is_local(name.split(".")[0], function):
            return ""
        return "" if self.view.lookup(name, function) else self.view.origin(name)

    def of_call(self, call: ast.Call, function: Function) -> Swap | None:
        """Return how a call changes, None if it stays; raise when neither is right."""
        origin = self.origin_of(call.func, function)
        if origin in table.RENAMED:
            return Swap(function=table.RENAMED[origin])
        if origin in table.TO_THREAD:
            return Swap(in_thread=True)
        if origin in table.REQUESTS_FUNCTIONS:
            return self._request(call, origin.rsplit(".", 1)[-1])
        constructor = self.own.new_constructor(call)
        if constructor:
            return Swap(function=constructor, awaited=False)
        if origin == "open":
            return Swap(awaited=False, note=table.FILE_NOTE)
        return self._of_method(call, function)

    def renamed_name(self, expression: ast.expr, function: Function) -> str:
        """Return the new name of an exception or class that follows the replaced calls."""
        origin = self.origin_of(expression, function)
        follows = (origin.startswith("requests.") and self.touches_requests) or (
            origin.startswith("queue.") and self.touches_queue
        )
        return table.RENAMED_NAMES.get(origin, "") if follows else ""

    def of_context(self, expression: ast.expr, function: Function) -> bool:
        """Whether something is entered with `async with` after the rewrite; raise if it can't."""
        if self.own.twin_of(expression):
            return True
        if not isinstance(expression, ast.Call):
            return False
        origin = self.origin_of(expression.func, function)
        if origin in table.BLOCKING_CONTEXTS:
            self.refuse(table.BLOCKING_CONTEXTS[origin])
        return bool(self.own.new_constructor(expression))

    def check_held(self, expression: ast.expr, function: Function) -> None:
        """Refuse a thread's lock that stays and would be held while the function waits."""
        type_name = self.oracle.bindings.type_of(expression, function)
        if type_name in table.THREAD_LOCKS and not self.own.twin_of(expression):
            self.refuse(
                f"`{ast.unparse(expression)}` is a `{type_name}` that other code shares, "
                "and it would be held across an `await`"
            )

    def check_attribute(self, node: ast.Attribute, function: Function) -> None:
        """Refuse what a response of requests has and one of httpx hasn't."""
        if node.attr not in table.FOREIGN_RESPONSE_ATTRIBUTES or not self.touches_requests:
            return
        if self.oracle.bindings.type_of(node.value, function) == "requests.Response":
            raise UndecidedError(f"a response of httpx has no `.{node.attr}` with that meaning")

    def refuse(self, reason: str) -> None:
        """Give up, unless a whole library is converted: there the rest is still worth having."""
        if not self.oracle.assumes:
            raise UndecidedError(reason)

    def _request(self, call: ast.Call, method: str) -> Swap:
        note = "" if has_timeout(call) else table.TIMEOUT_NOTE
        return Swap(by_client=method, keywords=renamed_keywords(call, method), note=note)

    def _of_method(self, call: ast.Call, function: Function) -> Swap | None:
        if not isinstance(call.func, ast.Attribute):
            return None
        receiver, name = call.func.value, call.func.attr
        twin = self.own.twin_of(receiver)
        type_name = self.oracle.bindings.type_of(receiver, function)
        if twin:
            return self._of_twin(call, twin, name, type_name)
        if name in table.METHODS_TO_THREAD.get(type_name, ()):
            return Swap(in_thread=True)
        self._check_undecidable(type_name, receiver, name)
        return None

    def _of_twin(self, call: ast.Call, twin: str, name: str, type_name: str) -> Swap:
        new = table.RENAMED_METHODS.get(twin, {}).get(name, name)
        is_request = type_name.startswith("requests.") and name != "close"
        keywords = renamed_keywords(call, name) if is_request else ()
        return Swap(method=new, awaited=self.own.awaits(twin, new), keywords=keywords)

    def _check_undecidable(self, type_name: str, receiver: ast.expr, name: str) -> None:
        methods, reason = table.UNDECIDABLE_METHODS.get(type_name, ((), ""))
        if name in methods:
            self.refuse(reason)
        twin = self.own.twin_class(type_name)
        renamed = table.RENAMED_METHODS.get(twin, {}).get(name, name)
        if twin and self.own.awaits(twin, renamed):
            self.refuse(
                f"`{ast.unparse(receiver)}` is a `{type_name}` that other code shares; "
                f"all of it would have to change to `{twin}`"
            )

    def _touches(self, module: str) -> bool:
        origins = [
            self.view.origin(dotted_name(node.func))
            for node in ast.walk(self.root.node)
            if isinstance(node, ast.Call)
        ]
        return any(origin.split(".")[0] == module for origin in origins)

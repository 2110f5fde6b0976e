"""The definitions of a document that a definition calls. Pure, and by names alone.

Without types, a call is resolved by where it could lead: `self.f()` to the same class, `f()` to a
function in reach, `x.f()` to a method only if hardly any other has the name.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cached_property

from orchestrator.retrieval.document import Document
from orchestrator.retrieval.syntax.structure import CALLABLES, CONTAINERS

OWNER = re.compile(r"^func \((?:(?P<variable>\w+)\s+)?\*?(?P<go>\w+)|(?P<cpp>\w+)::~?\w+\s*\(")
OWN = frozenset({"self", "this", "cls", "Self", "super", "static", "base", "parent", "me"})
RECEIVER = re.compile(r"(?P<name>[\w$]*)(?:\(\))?(?:\?\.|!?\.|::|->|:)$")
CONSTRUCTORS = frozenset({"__init__", "constructor", "new", "initialize", "init", "__construct"})
CALLED = CALLABLES | CONTAINERS | {"macro", "type"}
MAX_GUESSES = 2
"""Methods of one name, in unknown classes, that are still shown: more say little about a call."""


class Callees:
    """Resolves the calls within one document."""

    def __init__(self, document: Document) -> None:
        self.document = document

    @cached_property
    def _by_name(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for index, definition in enumerate(self.document.definitions):
            if definition.kind in CALLED:
                found.setdefault(definition.name, []).append(index)
        return found

    def of(self, index: int) -> list[int]:
        """Return what the definition at `index` calls, in the order of its first calls."""
        definition = self.document.definitions[index]
        called: dict[int, None] = {}
        for name, receiver in self._calls(definition.first_line, definition.last_line):
            candidates = self._by_name.get(name, ())
            for found in self._resolved(candidates, receiver, index):
                called.update(dict.fromkeys((found, *self._constructors(found))))
        return [found for found in called if not self._is_inside(found, index)]

    def _calls(self, first_line: int, last_line: int) -> Iterator[tuple[str, str | None]]:
        """Return the names called on these lines with their receivers; None without one."""
        calls: dict[tuple[str, str | None], None] = {}
        for reference in self.document.references(first_line, last_line):
            if reference.kind != "call" or reference.name not in self._by_name:
                continue
            line = self.document.lines[reference.line - 1]
            if not line.isascii():  # columns count bytes
                line = line.encode()[: reference.column].decode(errors="replace")
            receiver = RECEIVER.search(line[: reference.column])
            calls[reference.name, receiver["name"] if receiver else None] = None
        return iter(calls)

    def _resolved(
        self, candidates: Sequence[int], receiver: str | None, caller: int
    ) -> Sequence[int]:
        variable, own_type = self._owner(caller)
        own = [index for index in candidates if self._owner(index)[1] == own_type]
        if receiver in OWN or (receiver and receiver == variable):
            return own or self._methods(candidates)
        if receiver is None:
            free = [i for i in candidates if self.document.definitions[i].kind != "method"]
            return free or own
        of_named = [index for index in candidates if self._owner(index)[1] == receiver]
        return of_named or self._methods(candidates)

    def _methods(self, candidates: Sequence[int]) -> Sequence[int]:
        return candidates if len(candidates) <= MAX_GUESSES else ()

    def _owner(self, index: int) -> tuple[str | None, str | None]:
        """Return the type that a definition belongs to, and the name of its receiver, if written.

        Parts of one type share its name. Go and C++ write the type of a method in its head.
        """
        definitions = self.document.definitions
        parent = definitions[index].parent
        while parent >= 0 and definitions[parent].kind not in CONTAINERS:
            parent = definitions[parent].parent
        if parent >= 0:
            return None, definitions[parent].name
        written = OWNER.search(self.document.lines[definitions[index].head_line - 1])
        return (written["variable"], written["go"] or written["cpp"]) if written else (None, None)

    def _constructors(self, index: int) -> list[int]:
        definition = self.document.definitions[index]
        if definition.kind not in CONTAINERS:
            return []
        return [
            child
            for child in self.document.outline.children(index)
            if self.document.definitions[child].name in CONSTRUCTORS | {definition.name}
        ]

    def _is_inside(self, index: int, outer: int) -> bool:
        inner, around = self.document.definitions[index], self.document.definitions[outer]
        return around.first_line <= inner.first_line and inner.last_line <= around.last_line

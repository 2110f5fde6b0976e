"""Which classes the names around the cursor are instances of, as far as the code says so.

Nothing is executed and nothing is inferred through control flow: annotations, constructor calls,
return annotations, and the attributes that a class sets on itself.
"""

import re
from collections.abc import Iterator, Sequence

from cerebrum_lsp.core.index import Index, Place
from cerebrum_lsp.core.retrieval.situation import WORD, Situation

ANNOTATION = re.compile(r"\b([A-Za-z_]\w*)\s*:\s*([A-Za-z_\"'][\w.\[\], |\"'*&?]*)")
ASSIGNED = re.compile(
    r"\b([A-Za-z_]\w*)\s*(?::=|=)\s*(?:await\s+|new\s+|&)?([A-Za-z_][\w.:]*)\s*(\(|$)", re.MULTILINE
)
WITH_AS = re.compile(r"with\s+(?:await\s+)?([A-Za-z_][\w.]*)\s*\(.*\bas\s+([A-Za-z_]\w*)")
CHECKED = re.compile(r"isinstance\(\s*(?:\w+\.)*(\w+)\s*,\s*\(?([\w., ]+)")
RETURNS = re.compile(r"->\s*([^:{]+)")
BASES = re.compile(r"[(:]([^)]*)\)?")
TYPE_WORDS = frozenset(
    {
        "None",
        "Optional",
        "Union",
        "List",
        "Dict",
        "Tuple",
        "Set",
        "Type",
        "Any",
        "Callable",
        "Iterable",
        "Iterator",
        "Awaitable",
        "Sequence",
        "Mapping",
        "ClassVar",
        "Final",
        "Literal",
        "str",
        "int",
        "bool",
        "float",
        "bytes",
        "list",
        "dict",
        "tuple",
        "set",
        "object",
        "self",
        "cls",
        "type",
        "True",
        "False",
        "await",
        "new",
    }
)
"""Names in written types that are never a project's own."""
LOOKED_AT_CHARS = 30_000
DEPTH = 4


class Types:
    """The classes of names, resolved through the index; one for each request."""

    def __init__(self, index: Index, situation: Situation, scope: dict[str, list[Place]]) -> None:
        self.index = index
        self.situation = situation
        self.scope = scope
        self.of_name = self._names()
        self._with_bases: dict[Place, Sequence[Place]] = {}

    def classes_named(self, name: str, path: str | None = None) -> list[Place]:
        """Return the classes that a name means here, or in another file."""
        if path is None:
            places = self.scope.get(name) or self._own_or_any(name)
        else:
            places = self.index.member_of_module(path, name)
        return [place for place in places if self.index.definition(place).kind in CLASS_KINDS]

    def _own_or_any(self, name: str) -> list[Place]:
        places = self.index.definitions_of(name)
        elsewhere = [place for place in places if place.path != self.situation.path]
        return elsewhere if len(elsewhere) == 1 else []

    def of(self, name: str) -> list[Place]:
        """Return the classes that a variable or attribute of this file may be an instance of."""
        found: list[Place] = []
        for written in self.of_name.get(name, ())[-3:]:
            found += self._of_written(written)
        return found

    def with_bases(self, place: Place) -> Sequence[Place]:
        """Return a class and its bases."""
        if place not in self._with_bases:
            self._with_bases[place] = tuple(self._walk_bases(place, 0))
        return self._with_bases[place]

    def _walk_bases(self, place: Place, depth: int) -> Iterator[Place]:
        yield place
        if depth >= DEPTH:
            return
        for name in self.base_names(place):
            for base in self.index.member_of_module(place.path, name)[:1]:
                if base != place:
                    yield from self._walk_bases(base, depth + 1)

    def base_names(self, place: Place) -> list[str]:
        """Return the names in a class's header after its own."""
        return base_names_of(self.index.sources[place.path].header(place.number).text)

    def of_member(self, place: Place) -> list[Place]:
        """Return the classes of a field's annotation or of a method's return annotation."""
        source = self.index.sources[place.path]
        text = source.header(place.number).text
        kind = self.index.definition(place).kind
        pattern = RETURNS if kind in ("function", "method") else MEMBER_TYPE
        match = pattern.search(text)
        found: list[Place] = []
        for word in type_words(match[1]) if match else ():
            for each in self.index.member_of_module(place.path, word)[:1]:
                if self.index.definition(each).kind in CLASS_KINDS:
                    found.append(each)
        return found

    def _of_written(self, written: str) -> list[Place]:
        found: list[Place] = []
        for word in type_words(written):
            if classes := self.classes_named(word):
                found += classes
                continue
            for place in self.scope.get(word, ()):
                if self.index.definition(place).kind in ("function", "method"):
                    found += self.of_member(place)
        return found

    def _names(self) -> dict[str, list[str]]:
        """Return what is written as each name's type or value, the latest last."""
        text = "\n".join(self.situation.lines)[-LOOKED_AT_CHARS:]
        found: dict[str, list[str]] = {}
        for name, written in ANNOTATION.findall(text):
            found.setdefault(name, []).append(written)
        for name, written, _ in ASSIGNED.findall(text):
            if name == written:
                continue
            found.setdefault(name, []).append(written)
            if written in found and "." not in written:
                found[name] += found[written][-1:]
        for written, name in WITH_AS.findall(text):
            found.setdefault(name, []).append(written)
        for name, written in CHECKED.findall(text):
            found.setdefault(name, []).append(written)
        return found


CLASS_KINDS = frozenset({"class", "interface", "enum"})
MEMBER_TYPE = re.compile(r"^[^=:]*(?::\s*([^=]+)|=\s*(?:await\s+)?([\w.]+)\()")


def type_words(written: str | None) -> Sequence[str]:
    """Return the names in a written type that can be a project's own, in order."""
    return [word for word in WORD.findall(written or "") if word not in TYPE_WORDS]


def base_names_of(header: str) -> list[str]:
    """Return the base names in a class's header."""
    match = BASES.search(header)
    return [word for word in type_words(match[1]) if word != "metaclass"] if match else []

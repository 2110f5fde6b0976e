"""The index: every file's outline, its names, and what its imports mean."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

from tree_sitter import Tree

from cerebrum_lsp.core.index.incremental import Edit, reparse
from cerebrum_lsp.core.index.modules import Modules, nearest
from cerebrum_lsp.core.index.names import has_same_names, named
from cerebrum_lsp.core.index.source import Place, Source
from orchestrator.retrieval.syntax import Definition, Import, Outline, language_of, outline, parse

REEXPORTS_FOLLOWED = 6
TREE_BYTES_PER_CHAR = 10


@dataclass(frozen=True)
class IndexLimits:
    """How much memory the index may take, and what it takes in."""

    memory_bytes: int = 96_000_000
    """For texts and outlines together. Least recently useful texts go first."""
    file_bytes: int = 1_000_000
    """Larger files are to be left out by whoever fills the index: they are data or generated."""
    tree_bytes: int = 30_000_000
    """For the syntax trees of files under edit, the latest ones; the last one stays in any case."""
    remembered_chars: int = 2_000_000
    """Text of which lines and words are remembered, in about six times as many bytes."""


class Index:
    """Definitions, imports and texts of many files, updated one file at a time.

    The index reads no file system and no clock: texts come in, `tick` counts uses.
    """

    def __init__(self, limits: IndexLimits | None = None) -> None:
        self.limits = limits or IndexLimits()
        self.sources: dict[str, Source] = {}
        self.modules = Modules()
        self.memory_bytes = 0
        self.version = 0
        self._by_name: dict[str, list[Place]] = {}
        self._importers: dict[str, list[str]] = {}
        self._trees: dict[str, Tree] = {}
        self._tree_bytes: dict[str, int] = {}
        self._tick = 0

    @property
    def is_full(self) -> bool:
        """Whether names alone take more than the room there is: nothing more should come in."""
        return self.memory_bytes > self.limits.memory_bytes

    def update(
        self,
        path: str,
        text: str,
        known: Outline | None = None,
        stop: Callable[[], bool] | None = None,
        *,
        keep_tree: bool = False,
    ) -> Source:
        """Take in a file's new text; `known` is its outline when it was made elsewhere.

        A parse that `stop` ends leaves a file that is plain text. `keep_tree` for a file that is
        about to be edited: its first edit then costs no more than the others.
        """
        self.remove(path)
        if known is None:
            language = language_of(path)
            tree = parse(text.encode(errors="replace"), language, stop=stop)
            known = outline(tree, language) if tree else Outline(language)
            if keep_tree and tree is not None:
                self._keep_tree(path, text, tree)
        return self._put(Source(path, text, known))

    def edit(
        self, path: str, edits: list[Edit], stop: Callable[[], bool] | None = None
    ) -> Source | None:
        """Change a file's text by edits, re-parsing incrementally; None for an unknown file.

        A parse that `stop` ends leaves the definitions as they were (`is_behind`).
        """
        source = self.sources.get(path)
        if source is None or source.text is None:
            return None
        changed = reparse(source.text, source.outline, self._trees.get(path), edits, stop)
        new = Source(path, changed.text, changed.outline)
        if has_same_names(source.outline, new.outline):
            self._replace(source, new)
        else:
            self.remove(path)
            self._put(new)
        if changed.tree is not None:
            self._keep_tree(path, changed.text, changed.tree)
        else:
            self._drop_tree(path)
        return new

    def remove(self, path: str) -> None:
        """Forget a file; unknown ones are no error."""
        source = self.sources.pop(path, None)
        self._drop_tree(path)
        if source is None:
            return
        self.version += 1
        self.memory_bytes -= source.bytes_held
        self.modules.remove(path)
        for place, definition in named(source):
            places = self._by_name[definition.name]
            places.remove(place)
            if not places:
                del self._by_name[definition.name]
        for each in source.outline.imports:
            if each.name:
                self._importers[each.name].remove(path)

    def is_behind(self, path: str) -> bool:
        """Whether a file was edited since it was last parsed: `update` it when there is time."""
        source = self.sources.get(path)
        return source is not None and source.outline.has_syntax and path not in self._trees

    def definition(self, place: Place) -> Definition:
        """Return the definition at a place of this index."""
        return self.sources[place.path].outline.definitions[place.number]

    def definitions_of(self, name: str) -> list[Place]:
        """Return where a name is defined: at the top of a file, or as a member."""
        return self._by_name.get(name, [])

    def importers_of(self, name: str) -> list[str]:
        """Return the files that import a name, once for each time."""
        return self._importers.get(name, [])

    def members(self, place: Place) -> Sequence[Place]:
        """Return what a class holds: methods, fields of its body, and fields set through self."""
        return self.sources[place.path].members(place.number)

    def resolve(self, importer: str, language: str | None, imported: Import) -> list[Place]:
        """Return the definitions that an import names, following re-exports and stars."""
        if imported.name is None:
            return []
        if imported.name == "*":
            paths = self.modules.find(importer, language, imported)[:1]
            return [place for path in paths for place in self.exported(path)]
        return self._resolve_name(importer, language, imported, 0)

    def module_of(self, importer: str, language: str | None, imported: Import) -> str | None:
        """Return the file that an import binds as a module; None when it binds a definition."""
        if imported.name is None or language != "python":
            found = self.modules.find(importer, language, imported)
            return found[0] if found else None
        dotted = f"{imported.module}.{imported.name}" if imported.module else imported.name
        found = self.modules.find_python(importer, dotted, imported.level)
        return found[0] if found else None

    def exported(self, path: str) -> list[Place]:
        """Return what a file defines at its top, and what it re-exports under its own name."""
        source = self.sources.get(path)
        if source is None:
            return []
        return [Place(path, index) for index, _ in source.top_level()]

    def member_of_module(self, path: str, name: str, depth: int = 0) -> list[Place]:
        """Return what a module calls `name`: its own definition or one that it imports."""
        source = self.sources.get(path)
        if source is None or depth > REEXPORTS_FOLLOWED:
            return []
        own = [place for place in self.definitions_of(name) if place.path == path]
        if own := [place for place in own if self.definition(place).parent < 0]:
            return own
        language = source.outline.language
        if imported := source.imports.get(name):
            return self._resolve_name(path, language, imported, depth + 1)
        for each in source.outline.imports:
            if each.name == "*":
                for found in self.modules.find(path, language, each)[:1]:
                    if places := self.member_of_module(found, name, depth + 1):
                        return places
        return []

    def _resolve_name(
        self, importer: str, language: str | None, imported: Import, depth: int
    ) -> list[Place]:
        name = imported.name or ""
        for path in self.modules.find(importer, language, imported):
            if path != importer and (places := self.member_of_module(path, name, depth)):
                return places
        if language == "python":
            return []
        near = nearest(importer, {place.path for place in self.definitions_of(name)})[:1]
        return [place for place in self.definitions_of(name) if place.path in near]

    def references_to(self, name: str, paths: list[str] | None = None) -> Iterator[tuple[str, int]]:
        """Every line that uses a name as a word, as (path, 1-based line)."""
        word = re.compile(rf"\b{re.escape(name)}\b")
        for path in self.sources if paths is None else paths:
            text = self.sources[path].text
            if text is None or name not in text:
                continue
            line, begin = 1, 0
            for match in word.finditer(text):
                line += text.count("\n", begin, match.start())
                begin = match.start()
                yield path, line

    def rest(self) -> None:
        """Forget what can be computed again of the files that were useful longest ago."""
        remembering = [each for each in self.sources.values() if each.remembered_chars]
        left = sum(each.remembered_chars for each in remembering) - self.limits.remembered_chars
        if left <= 0:
            return
        for source in sorted(remembering, key=attrgetter("used_at")):
            left -= source.remembered_chars
            source.forget()
            if left <= 0:
                return

    def touch(self, path: str) -> None:
        """Note that a file was useful; those that were not go first when memory is short."""
        self._tick += 1
        self.sources[path].used_at = self._tick

    def _put(self, source: Source) -> Source:
        self.version += 1
        self.sources[source.path] = source
        self.modules.add(source.path)
        for place, definition in named(source):
            self._by_name.setdefault(definition.name, []).append(place)
        for each in source.outline.imports:
            if each.name:
                self._importers.setdefault(each.name, []).append(source.path)
        self.memory_bytes += source.bytes_held
        self.touch(source.path)
        if self.memory_bytes > self.limits.memory_bytes:
            self._make_room()
        return source

    def _replace(self, old: Source, new: Source) -> None:
        """Put a file's new text in the place of the old one, which has the same names."""
        self.version += 1
        self.sources[new.path] = new
        self.memory_bytes += new.bytes_held - old.bytes_held
        self.touch(new.path)

    def _make_room(self) -> None:
        """Reduce the least recently useful files to names until a tenth of the room is free."""
        goal = self.limits.memory_bytes * 9 // 10
        for source in sorted(self.sources.values(), key=attrgetter("used_at")):
            if self.memory_bytes <= goal:
                return
            before = source.bytes_held
            source.reduce()
            self.memory_bytes -= before - source.bytes_held

    def _keep_tree(self, path: str, text: str, tree: Tree) -> None:
        self._trees[path] = tree
        self._tree_bytes[path] = len(text) * TREE_BYTES_PER_CHAR
        while len(self._trees) > 1 and sum(self._tree_bytes.values()) > self.limits.tree_bytes:
            self._drop_tree(next(iter(self._trees)))

    def _drop_tree(self, path: str) -> None:
        self._trees.pop(path, None)
        self._tree_bytes.pop(path, None)

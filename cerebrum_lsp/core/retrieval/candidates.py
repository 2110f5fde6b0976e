"""Which definitions of other files may be used next, and what speaks for each.

Every source adds signals to the definitions that it knows of: imports in scope, classes in play,
names that nothing here defines, what files beside this one import, code that resembles this code.
A signal is a number of about 0 to 1; `weights.py` says what each is worth.
"""

import builtins
import re
from collections import Counter, defaultdict
from math import exp, log1p

from cerebrum_lsp.core.index import Index, Place
from cerebrum_lsp.core.retrieval.likeness import likeness_of
from cerebrum_lsp.core.retrieval.situation import (
    NEAR_LINES,
    WORD,
    Situation,
)
from cerebrum_lsp.core.retrieval.types import CLASS_KINDS, Types, base_names_of
from orchestrator.retrieval.syntax import Definition

Signals = dict[str, float]

BUILTINS = frozenset(dir(builtins))
SUBWORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
FADES_LINES = 6.0
BESIDE_FILES = 80
TWINS = 6
RECEIVERS = 24
SAME_NAME = 4


class Candidates:
    """The definitions that may be used next, with their signals."""

    def __init__(self, index: Index, situation: Situation) -> None:
        self.index = index
        self.situation = situation
        self.found: dict[Place, Signals] = defaultdict(dict)
        self.scope: dict[str, list[Place]] = {}
        self.module_names: dict[str, str] = {}
        self.local_names: dict[Place, str] = {}
        self._close_subwords = frozenset(
            part for word in situation.close_words for part in subwords(word)
        )
        self._function_subwords = subwords(situation.function_name or "")
        self._edited_words = frozenset(WORD.findall("\n".join(situation.hints.edited_texts)))
        self._visited = frozenset(path for path, _, _ in situation.hints.visited)
        self._open = frozenset(situation.hints.open_paths)
        self._imports()
        self.types = Types(index, situation, self.scope)
        self._classes_in_play()
        self._unresolved()
        self._attributes()
        self._beside()
        self._resembling()
        for place, signals in self.found.items():
            self._describe(place, signals)

    def _note(self, place: Place, signal: str, value: float = 1.0) -> None:
        if place.path == self.situation.path:
            return
        signals = self.found[place]
        if value > signals.get(signal, 0.0):
            signals[signal] = value

    def _imports(self) -> None:
        situation = self.situation
        for each in situation.imports:
            places = self.index.resolve(situation.path, situation.language, each)
            signal = "star" if each.name == "*" else "imported"
            for place in places:
                name = each.alias or self.index.definition(place).name
                self.scope.setdefault(name, []).append(place)
                self.local_names[place] = name
                self._note(place, signal)
            if not places:
                self._module(each.local_name if each.name else each.alias or each.module, each)
        unused = [
            place
            for place, name in self.local_names.items()
            if not situation.counts.get(name) and "imported" in self.found.get(place, ())
        ]
        for place in unused:
            self._note(place, "unused")
            self._note(place, "unused_share", 1.0 / len(unused))

    def _module(self, name: str | None, each: object) -> None:
        situation = self.situation
        path = self.index.module_of(situation.path, situation.language, each)  # type: ignore[arg-type]
        if path is None or name is None:
            return
        self.module_names[name] = path
        last = name.rpartition(".")[2]
        near = self._near(last)
        used = situation.counts.get(last, 0)
        places = self.index.exported(path)
        for place in places:
            self._note(place, "of_module", 1.0 / (1 + log1p(len(places))))
            self._note(place, "of_module_near", near)
            if not used:
                self._note(place, "of_unused_module", 1.0 / (1 + log1p(len(places))))

    def _near(self, name: str) -> float:
        distance = self.situation.distance.get(name)
        return 0.0 if distance is None else exp(-distance / FADES_LINES)

    def _classes_in_play(self) -> None:
        own = self._own_class()
        for place, weight in own:
            self._members(place, "of_self", weight)
        for name in self._receivers():
            near = self._near(name)
            for place in self.types.of(name):
                self._members(place, "of_receiver", 0.3 + 0.7 * near)
                self._note(place, "type_of_receiver", near)
        for place in list(self.found):
            signals = self.found[place]
            if "imported" in signals and self.index.definition(place).kind in CLASS_KINDS:
                self._members(place, "of_imported", 0.2 + 0.8 * self._near(self._name(place)))

    def _own_class(self) -> list[tuple[Place, float]]:
        """Return the bases of the class around the cursor, by the text before it alone."""
        found: list[tuple[Place, float]] = []
        pending = [(text, 1.0) for _, text in self.situation.enclosing if "class " in text][:1]
        headers = {
            each.name: self.situation.lines[each.head_line - 1]
            for each in self.situation.outline.definitions
            if each.kind in CLASS_KINDS and each.head_line <= len(self.situation.lines)
        }
        seen: set[str] = set()
        while pending:
            text, weight = pending.pop()
            for name in base_names_of(text.partition("class ")[2]):
                if name in seen:
                    continue
                seen.add(name)
                if name in headers:
                    pending.append((headers[name], weight * 0.9))
                else:
                    for place in self.types.classes_named(name)[:1]:
                        found += [(each, weight) for each in self.types.with_bases(place)]
        return found

    def _receivers(self) -> list[str]:
        near = [name for name in self.situation.distance if name in self.types.of_name]
        inside = [
            name
            for name in self.types.of_name
            if name in self.situation.function_words and name not in self.situation.distance
        ]
        return (near + inside)[:RECEIVERS]

    def _members(self, place: Place, signal: str, weight: float, deeper: bool = True) -> None:
        for depth, each in enumerate(self.types.with_bases(place)):
            for member in self.index.members(each):
                definition = self.index.definition(member)
                if definition.name.startswith("__"):
                    continue
                self._note(member, signal, weight * 0.9**depth)
                if deeper and definition.name in self.situation.distance:
                    near = self._near(definition.name)
                    for inner in self.types.of_member(member)[:2]:
                        self._members(inner, "of_chain", near, deeper=False)

    def _unresolved(self) -> None:
        """Names that are used here, while nothing here defines or imports them."""
        situation = self.situation
        local = {each.name for each in situation.outline.definitions} | set(self.scope)
        local |= {each.local_name or "" for each in situation.imports}
        for name in situation.counts:
            if name in local or name in BUILTINS:
                continue
            places = [
                place
                for place in self.index.definitions_of(name)
                if self.index.definition(place).parent < 0 and place.path != situation.path
            ]
            for place in places[:SAME_NAME]:
                self._note(place, "unresolved", 1.0 / len(places))
                self.local_names.setdefault(place, name)

    def _attributes(self) -> None:
        for name in self.situation.attribute_counts:
            places = [
                place
                for place in self.index.definitions_of(name)
                if self.index.definition(place).parent >= 0 and place.path != self.situation.path
            ]
            for place in places[:SAME_NAME]:
                self._note(place, "attribute", 1.0 / len(places))

    def _beside(self) -> None:
        """Note what files of the same folder import, by how many of them do."""
        beside = self.index.modules.beside(self.situation.path)[:BESIDE_FILES]
        counts = Counter(
            name
            for path in beside
            for name in {each.name for each in self.index.sources[path].outline.imports}
            if name and name != "*"
        )
        for name, count in counts.most_common(120):
            for place in self._top(name)[:2]:
                self._note(place, "beside", count / len(beside))

    def _top(self, name: str) -> list[Place]:
        return [
            place
            for place in self.index.definitions_of(name)
            if self.index.definition(place).parent < 0 and place.path != self.situation.path
        ]

    def _resembling(self) -> None:
        """Names in functions of the same name, and after lines that equal the last ones."""
        situation = self.situation
        words = Counter[str]()
        if situation.function_name:
            twins = [
                place
                for place in self.index.definitions_of(situation.function_name)
                if place.path != situation.path
            ]
            for place in twins[:TWINS]:
                text = self.index.sources[place.path].whole(place.number).text
                words.update(set(WORD.findall(text)))
            self._note_words(words, "twin", min(len(twins), TWINS))
        likeness = likeness_of(self.index, situation)
        self.windows = likeness.windows
        for signal, likely in likeness.words.items():
            for word, value in likely.items():
                self._note_word(word, signal, value)

    def _note_words(self, words: Counter[str], signal: str, most: int) -> None:
        for word, count in words.items():
            self._note_word(word, signal, min(1.0, count / max(1, most)))

    def _note_word(self, word: str, signal: str, value: float) -> None:
        """Note a word for the definitions of that name; it adds only those that are nearly sure."""
        if word in BUILTINS:
            return
        places = self.index.definitions_of(word)
        for place in places:
            if place in self.found:
                self._note(place, signal, value)
            elif len(places) <= SAME_NAME:
                self._note(place, signal, value / len(places))

    def _name(self, place: Place) -> str:
        return self.local_names.get(place) or self.index.definition(place).name

    def _describe(self, place: Place, signals: Signals) -> None:
        """Add what every candidate has: its use so far, its kind here, its name's words."""
        situation = self.situation
        definition = self.index.definition(place)
        name = self._name(place)
        is_member = definition.parent >= 0
        counts = situation.attribute_counts if is_member else situation.counts
        count = counts.get(name, 0)
        near = self._near(name) if count else 0.0
        suffix = "_member" if is_member else ""
        if count:
            signals["used" + suffix] = log1p(count)
            signals["used_near" + suffix] = near
            signals["used_last_line" + suffix] = float(
                situation.distance.get(name, NEAR_LINES) <= 1
            )
            signals["used_in_function" + suffix] = float(name in situation.function_words)
        signals[f"{situation.spot.value}:{kind_of(definition)}"] = 1.0
        if situation.suffix_words and name in situation.suffix_words:
            signals["in_suffix"] = 1.0
        signals["popular"] = log1p(len(self.index.importers_of(definition.name))) / 4
        if name.startswith("_"):
            signals["private"] = 1.0
        self._recall_session(place, name, signals)
        self._compare_words(name, signals)

    def _recall_session(self, place: Place, name: str, signals: Signals) -> None:
        if name in self._edited_words:
            signals["edited"] = 1.0
        if place.path in self._visited:
            signals["visited"] = 1.0
        if place.path in self._open:
            signals["open"] = 1.0

    def _compare_words(self, name: str, signals: Signals) -> None:
        parts = subwords(name)
        if not parts:
            return
        close = self._close_subwords
        signals["words"] = len(parts & close) / len(parts)
        if self.situation.function_name:
            mine = self._function_subwords
            signals["words_function"] = len(parts & mine) / len(parts | mine)


def subwords(name: str) -> frozenset[str]:
    """Return the lower-case words that a name is made of."""
    return frozenset(part.lower() for part in SUBWORD.findall(name) if len(part) > 1)


def kind_of(definition: Definition) -> str:
    """Return a definition's kind as ranking sees it: errors are a kind of their own."""
    if definition.kind in CLASS_KINDS:
        is_error = definition.name.endswith(("Error", "Exception", "Warning"))
        return "error" if is_error else "class"
    return definition.kind

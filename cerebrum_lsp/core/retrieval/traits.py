"""What every candidate has: its use so far, its kind here, the words of its name, the session."""

import re
from functools import lru_cache
from math import log1p

from cerebrum_lsp.core.index import Place
from cerebrum_lsp.core.retrieval.found import Found, Signals
from cerebrum_lsp.core.retrieval.situation import NEAR_LINES, WORD
from cerebrum_lsp.core.retrieval.types import CLASS_KINDS
from orchestrator.retrieval.syntax import Definition

SUBWORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


class Traits:
    """Describes candidates of one situation."""

    def __init__(self, found: Found) -> None:
        self._found = found
        self._situation = situation = found.situation
        self._spot = f"{situation.spot.value}:"
        self._close = frozenset(part for word in situation.close_words for part in subwords(word))
        self._function = subwords(situation.function_name or "")
        self._edited_words = frozenset(WORD.findall("\n".join(situation.hints.edited_texts)))
        self._visited = frozenset(path for path, _, _ in situation.hints.visited)
        self._open = frozenset(situation.hints.open_paths)
        self._has_session = bool(self._edited_words or self._visited or self._open)

    def describe(self, place: Place, signals: Signals) -> None:
        """Add the signals that every candidate has."""
        definition = self._found.index.definition(place)
        name = self._found.name(place)
        self._add_use(definition, name, signals)
        signals[self._spot + kind_of(definition)] = 1.0
        if name in self._situation.suffix_words:
            signals["in_suffix"] = 1.0
        if importers := self._found.index.importers_of(definition.name):
            signals["popular"] = log1p(len(importers)) / 4
        if name.startswith("_"):
            signals["private"] = 1.0
        if self._has_session:
            self._recall_session(place, name, signals)
        self._compare_words(name, signals)

    def _add_use(self, definition: Definition, name: str, signals: Signals) -> None:
        situation = self._situation
        is_member = definition.parent >= 0
        counts = situation.attribute_counts if is_member else situation.counts
        count = counts.get(name, 0)
        if not count:
            return
        end = "_member" if is_member else ""
        signals["used" + end] = log1p(count)
        if near := self._found.near(name):
            signals["used_near" + end] = near
        if situation.distance.get(name, NEAR_LINES) <= 1:
            signals["used_last_line" + end] = 1.0
        if name in situation.function_words:
            signals["used_in_function" + end] = 1.0

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
        if shared := parts & self._close:
            signals["words"] = len(shared) / len(parts)
        if shared := parts & self._function:
            signals["words_function"] = len(shared) / len(parts | self._function)


@lru_cache(maxsize=32_768)
def subwords(name: str) -> frozenset[str]:
    """Return the lower-case words that a name is made of."""
    return frozenset(part.lower() for part in SUBWORD.findall(name) if len(part) > 1)


def kind_of(definition: Definition) -> str:
    """Return a definition's kind as ranking sees it: errors are a kind of their own."""
    if definition.kind in CLASS_KINDS:
        is_error = definition.name.endswith(("Error", "Exception", "Warning"))
        return "error" if is_error else "class"
    return definition.kind

"""The definitions that an instruction means by the names that it mentions. Pure."""

import re
from collections.abc import Iterable, Sequence

from orchestrator.retrieval.chunks import UNITS
from orchestrator.retrieval.document import Document
from orchestrator.retrieval.mentions import Mention
from orchestrator.retrieval.vocabulary import COMMON

MIN_PHRASE_CHARS = 5
WORD = re.compile(r"[^\W\d]\w*")
ByName = dict[str, list[int]]


def targets(found: Sequence[Mention], document: Document) -> list[int]:
    """Return the indices of the definitions that are meant, in source order."""
    by_name: ByName = {}
    for index, definition in enumerate(document.definitions):
        by_name.setdefault(definition.name.rstrip("?!"), []).append(index)
    held = {mention.name for mention in found if mention.holds}
    sure = {
        mention: _meant(mention, by_name.get(mention.name, ()), held, document)
        for mention in found
        if mention.is_sure or mention.holds
    }
    meant = _without_holders(sure, document)
    if not meant:
        meant = _by_plain_words(found, by_name, document)
    return sorted(meant)


def _meant(
    mention: Mention, indices: Iterable[int], held: set[str], document: Document
) -> list[int]:
    """Return those of the definitions with a name that stand where the instruction says."""
    listed = list(indices)
    places = {*mention.qualifiers} - {"self", "this", "cls"}
    for names in (places, held - {mention.name}):
        inside = [i for i in listed if names & _places(document, i)]
        if inside:
            return inside
    return listed


def _places(document: Document, index: int) -> set[str]:
    """Return the names around a definition, and in its head before its own: `func (c *Client)`."""
    definition = document.definitions[index]
    before, _, _ = document.lines[definition.head_line - 1].partition(definition.name)
    return {*document.outline.chain(index)[:-1], *WORD.findall(before)}


def _without_holders(meant: dict[Mention, list[int]], document: Document) -> set[int]:
    """Leave out what only says where another thing that is meant stands."""
    everything = {index for mention, found in meant.items() if mention.is_sure for index in found}
    holders = {index for mention, found in meant.items() if mention.holds for index in found}
    names = {name for index in everything for name in _places(document, index)}
    around = {index for index in holders if document.definitions[index].name in names}
    return (everything or holders) - around


def _by_plain_words(found: Sequence[Mention], by_name: ByName, document: Document) -> set[int]:
    """Return the definitions of which the instruction has the name, or its words, in plain text.

    "the user service" means `UserService` and `user_service`.
    """
    words = [mention.name for mention in found]
    phrases = {word for word in words if word.lower() not in COMMON}
    joined = {
        "".join(words[begin : begin + length]).lower()
        for length in (1, 2, 3)
        for begin in range(len(words) - length + 1)
        if length > 1 or words[begin].lower() not in COMMON
    }
    return {
        index
        for name, indices in by_name.items()
        if name in phrases or _plain(name) in joined
        for index in indices
        if document.definitions[index].kind in UNITS
    }


def _plain(name: str) -> str:
    plain = name.replace("_", "").lower()
    return plain if len(plain) >= MIN_PHRASE_CHARS else ""

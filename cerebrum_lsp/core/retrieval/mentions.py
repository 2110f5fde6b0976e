"""Names that say something by where they stand.

They are used here and not defined, imported next door, or stand in code that resembles this code.
"""

from collections import Counter
from heapq import nsmallest

from cerebrum_lsp.core.retrieval.found import BUILTINS, SAME_NAME, Found
from cerebrum_lsp.core.retrieval.likeness import Likeness
from cerebrum_lsp.core.retrieval.situation import WORD

BESIDE_FILES = 80
BESIDE_NAMES = 120
TWINS = 6


def note_unresolved(found: Found) -> None:
    """Note names that are used here, while nothing here defines or imports them."""
    situation = found.situation
    local = {each.name for each in situation.outline.definitions} | set(found.scope)
    local |= {each.local_name or "" for each in situation.imports}
    for name in situation.counts:
        if name in local or name in BUILTINS:
            continue
        places = found.elsewhere(name, is_member=False)
        for place in places[:SAME_NAME]:
            found.note(place, "unresolved", 1.0 / len(places))
            found.local_names.setdefault(place, name)


def note_attributes(found: Found) -> None:
    """Note members of the names that stand behind a dot here."""
    for name in found.situation.attribute_counts:
        places = found.elsewhere(name, is_member=True)
        for place in places[:SAME_NAME]:
            found.note(place, "attribute", 1.0 / len(places))


def note_beside(found: Found) -> None:
    """Note what files of the same folder import, by how many of them do."""
    beside = found.index.modules.beside(found.situation.path)[:BESIDE_FILES]
    counts = Counter(name for path in beside for name in found.index.sources[path].imported_names)
    # Sets have no order of their own: of equally many the first by name.
    for name, count in nsmallest(
        BESIDE_NAMES, counts.items(), key=lambda each: (-each[1], each[0])
    ):
        for place in found.elsewhere(name, is_member=False)[:2]:
            found.note(place, "beside", count / len(beside))


def note_twins(found: Found) -> dict[str, float]:
    """Note names in functions that are called like the one around the cursor; return the words."""
    name = found.situation.function_name
    twins = found.elsewhere(name)[:TWINS] if name else []
    counts = Counter[str]()
    for place in twins:
        counts.update(set(WORD.findall(found.index.sources[place.path].whole(place.number).text)))
    words = {word: count / len(twins) for word, count in counts.items()}
    for word, value in words.items():
        found.note_word(word, "twin", value)
    return words


def note_likely(found: Found, likeness: Likeness) -> None:
    """Note names that stand after lines like the last ones."""
    for signal, likely in likeness.words.items():
        for word, value in likely.items():
            found.note_word(word, signal, value)

"""Which definitions of other files may be used next, and what speaks for each.

Every source adds signals to the definitions that it knows of: imports in scope, classes in play,
names that nothing here defines, what files beside this one import, code that resembles this code.
`weights.json` says what each signal is worth.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from cerebrum_lsp.core.index import Index, Place
from cerebrum_lsp.core.retrieval.found import Found, Signals
from cerebrum_lsp.core.retrieval.imports import note_imports
from cerebrum_lsp.core.retrieval.likeness import Likeness, likeness_of
from cerebrum_lsp.core.retrieval.members import note_members
from cerebrum_lsp.core.retrieval.mentions import (
    note_attributes,
    note_beside,
    note_likely,
    note_twins,
    note_unresolved,
)
from cerebrum_lsp.core.retrieval.situation import Situation
from cerebrum_lsp.core.retrieval.traits import Traits


@dataclass(frozen=True)
class Candidates:
    """The definitions and words that may be used next, and the code that resembles this code."""

    signals: Mapping[Place, Signals]
    likeness: Likeness
    words: Mapping[str, Mapping[str, float]]
    """What speaks for words, whatever they name: values of about 0 to 1, by signal."""


def candidates_of(index: Index, situation: Situation) -> Candidates:
    """Ask all sources."""
    found = Found(index, situation)
    likeness = likeness_of(index, situation)
    note_imports(found)
    note_members(found)
    note_unresolved(found)
    note_attributes(found)
    note_beside(found)
    twins = note_twins(found)
    note_likely(found, likeness)
    traits = Traits(found)
    for place, signals in found.signals.items():
        traits.describe(place, signals)
    return Candidates(found.signals, likeness, {**likeness.words, "twin": twins})

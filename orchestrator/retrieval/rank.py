"""How well chunks answer to an instruction. Pure.

What the instruction names is selected before any ranking. Of the rest, a chunk that uses one of
those names counts most, then one that has another identifier of the instruction, then one that
shares its words; a term that stands in few chunks says more (inverse document frequency).
"""

import math
import re
from collections.abc import Iterable, Sequence

from orchestrator.retrieval.mentions import Mention
from orchestrator.retrieval.vocabulary import COMMON, STRONG_VERBS, WEAK_VERBS

NAME_WEIGHT = 100.0
IDENTIFIER_WEIGHT = 10.0
WORD_WEIGHT = 1.0
MIN_WORD_CHARS = 3
MAX_TERMS = 64
"""Terms looked for; an instruction of pages would otherwise cost its length times the code's."""


def scores(
    texts: Sequence[str], instruction: str, found: Sequence[Mention], named: Iterable[str]
) -> list[float]:
    """Return a score for each text; 0.0 where nothing is shared with the instruction.

    `found` are the names that the instruction mentions, `named` those of the definitions it means.
    """
    known = dict.fromkeys(named)
    identifiers = dict.fromkeys(each.name for each in found if each.is_sure)
    weights = dict.fromkeys(known, NAME_WEIGHT)
    for name in identifiers:
        weights.setdefault(name, IDENTIFIER_WEIGHT)
    totals = [0.0] * len(texts)
    for name, weight in list(weights.items())[:MAX_TERMS]:
        _add(totals, [_has_name(text, name) for text in texts], weight)
    lowered = [text.lower() for text in texts]
    for word in list(_words(instruction, weights))[:MAX_TERMS]:
        _add(totals, [word in text for text in lowered], WORD_WEIGHT)
    return totals


def _words(instruction: str, names: Iterable[str]) -> dict[str, None]:
    left_out = COMMON | STRONG_VERBS | WEAK_VERBS | {name.lower() for name in names}
    words = re.findall(r"[^\W\d_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", instruction))
    return dict.fromkeys(
        word.lower()
        for word in words
        if len(word) >= MIN_WORD_CHARS and word.lower() not in left_out
    )


def _add(totals: list[float], present: Sequence[bool], weight: float) -> None:
    rarity = math.log1p(len(totals) / (1 + sum(present)))
    for index, is_there in enumerate(present):
        totals[index] += weight * rarity * is_there


def _has_name(text: str, name: str) -> bool:
    """Whether `name` stands in `text` as a whole identifier."""
    at = text.find(name)
    while at >= 0:
        before, after = text[at - 1 : at], text[at + len(name) : at + len(name) + 1]
        if not _continues(before) and not _continues(after):
            return True
        at = text.find(name, at + 1)
    return False


def _continues(character: str) -> bool:
    return character.isalnum() or character == "_"

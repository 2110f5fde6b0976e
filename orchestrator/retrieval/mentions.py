"""The names that an instruction mentions. Pure.

A name is mentioned for sure when it is written like code (`fetch_all`, `fetchAll`, `fetch()`,
in backticks, `Client.fetch`), stands where an order names its object ("refactor fetch to …", "the
function fetch", "fetch and send"). Any other word that is also a definition's name may just be a
word; such words count when nothing is mentioned for sure.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestrator.retrieval.vocabulary import (
    ARTICLES,
    ASKED_ABOUT,
    CONTAINMENT,
    FUNCTION_WORDS,
    JOINERS,
    NOUNS,
    POINTERS,
    STRONG_VERBS,
    WEAK_VERBS,
)
from orchestrator.retrieval.wording import OPENERS

NAME = re.compile(
    r"(?P<tick>`)?(?P<path>(?:[A-Za-z_$]|[^\W\d_])(?:[A-Za-z0-9_$]*|\w*)"
    r"(?:(?:\.|::|#|->)[^\W\d][\w$]*)*)(?P<call>\(\))?"
)
ASCII_RUN = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
APOSTROPHE = re.compile(r"(?<=\w)['\u2019]")
SEPARATOR = re.compile(r"\.|::|#|->")
CODELIKE = re.compile(r"_|[a-z0-9][A-Z]|[$]|[A-Za-z]\d")
AROUND_CHARS = 40  # looked at behind a name
LOOKED_AT_CHARS = 16_384  # of an instruction; whoever writes more does not name functions there


@dataclass(frozen=True)
class Mention:
    """A name in an instruction, with the names before it (`Client` in `Client.fetch`)."""

    name: str
    qualifiers: tuple[str, ...] = ()
    is_sure: bool = False
    holds: bool = False
    """Whether it only says where something is: `Client` in "fetch in Client"."""


def mentions(instruction: str) -> list[Mention]:
    """Return the names that `instruction` mentions, in its order, sure or not."""
    bare = instruction.strip()[:LOOKED_AT_CHARS]
    while opener := OPENERS.match(bare):
        bare = bare[opener.end() :]
    found: list[Mention] = []
    previous, earlier = "", ""
    words = (
        match for match in NAME.finditer(bare) if not APOSTROPHE.match(bare, match.start() - 1)
    )
    for index, match in enumerate(words):
        mention = _mention(match, bare, previous, earlier, found)
        is_verb = index == 0 and mention.name.lower() in STRONG_VERBS | WEAK_VERBS
        found.append(Mention("") if is_verb else mention)
        word = match["path"].lower()
        previous, earlier = word, previous
        if word in ARTICLES - {"a", "an"}:
            previous, earlier = earlier, ""
    named = (each for each in found if each.name)
    return list(dict.fromkeys((*named, *_within_other_scripts(bare))))


def _mention(
    match: re.Match[str], text: str, previous: str, earlier: str, found: Sequence[Mention]
) -> Mention:
    *qualifiers, name = SEPARATOR.split(match["path"])
    before = text[max(0, match.start() - 3) : match.start()]
    after = text[match.end() : match.end() + AROUND_CHARS]
    is_code = match["tick"] or match["call"] or qualifiers or CODELIKE.search(name)
    is_object = len(found) == 1 and not found[0].name and name.lower() not in POINTERS
    is_listed = previous in JOINERS or before.rstrip().endswith(",")
    continues = is_listed and any(each.is_sure for each in found[-2:])
    is_last = bool(found) and not after.strip(" .?!`\"'") and previous not in ("a", "an")
    has_sign = (
        {previous, _first_word(after)} & NOUNS
        or {previous, _first_word(after)} & ASKED_ABOUT
        or before.endswith(("'s ", "\u2019s "))
        or continues
        or is_last
    )
    is_plain_object = is_object and _first_word(after) not in NOUNS
    holds = previous in CONTAINMENT or (earlier in CONTAINMENT and previous in NOUNS)
    return Mention(
        name,
        tuple(qualifiers),
        bool(
            is_code
            or is_plain_object
            or ((has_sign or is_object) and name.lower() not in FUNCTION_WORDS)
        ),
        holds or after.startswith(("'s", "\u2019s")),
    )


def _first_word(text: str) -> str:
    word = re.match(r"[`\"']?\s+(\w+)", text)
    return word[1].lower() if word else ""


def _within_other_scripts(text: str) -> Iterator[Mention]:
    """Return Latin names inside of text without spaces, such as Chinese."""
    if not text.isascii():
        for run in ASCII_RUN.findall(text):
            yield Mention(run, is_sure=bool(CODELIKE.search(run)))

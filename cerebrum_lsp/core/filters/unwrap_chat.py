"""Models trained to chat say something about the code before and after it."""

import re

from cerebrum_lsp.core.document import Snapshot
from cerebrum_lsp.core.filters.brackets import surroundings
from cerebrum_lsp.core.filters.code_style import style_of

THINKING = re.compile(r"\s*<think(?:ing)?>.*?(?:</think(?:ing)?>\s*?\n?|\Z)", re.DOTALL)
OPENER = re.compile(
    r"""\s*(?:
    (?:sure|certainly|absolutely|of\ course)[!.]
    | (?:(?:sure|certainly|absolutely|of\ course|okay|ok|great)[,!.]?\ )?
      (?:here(?:'s|\ is|\ are)|below\ is
        |the\ (?:completed?|missing|following|corrected|updated|full)
        |to\ (?:complete|fill|finish)|i(?:'ll|'ve|'m|\ will|\ have|\ can)|let\ me|let's|you\ can
        |this\ (?:is|code|completes)|based\ on|as\ requested|in\ this)
      \ [^\n]*[:.!]
    )[ \t]*(?:\n\s*?\n|\n|\Z)""",
    re.VERBOSE | re.IGNORECASE,
)
CLOSER = re.compile(
    r"\n\s*?\n(?=(?:This|The|In|Note|Explanation|It|You|We|I|Here|These|That|If|To|Please|Let|Hope)\b"
    r"(?:[ :][\w'`,()./-]+){3,}[.!:?][ \t]*(?:\n|\Z))"
)
LONGEST_OPENER_CHARS = 200
MAX_OPENERS = 3


def unwrap_chat(text: str, snapshot: Snapshot) -> str:
    """Cut sentences before and after the code, where code is what is written."""
    if _is_prose_wanted(snapshot):
        return text
    text = THINKING.sub("", text, count=1) if "<think" in text[:20] else text
    for _ in range(MAX_OPENERS):
        opener = OPENER.match(text)
        if opener is None or opener.end() > LONGEST_OPENER_CHARS:
            break
        text = text[opener.end() :]
    closer = CLOSER.search(text)
    return text[: closer.start()] if closer and _is_code_before(text, closer) else text


def hold_chat(text: str, snapshot: Snapshot) -> str:
    """Hold back a growing text while its first line may become such a sentence."""
    if _is_prose_wanted(snapshot) or "\n" in text.lstrip():
        return text
    first = text.lstrip().lower()
    is_begun = any(word.startswith(first[: len(word)]) for word in FIRST_WORDS)
    return "" if is_begun else text


FIRST_WORDS = (
    *("<think", "sure!", "sure.", "sure, ", "sure ", "certainly", "absolutely", "of course"),
    *("here's ", "here is ", "here are ", "below is ", "okay, ", "okay ", "great, ", "great!"),
    *("the comple", "the missing ", "the following ", "the corrected ", "the updated "),
    *("to complete", "to fill", "to finish", "let me ", "let's ", "you can ", "this is "),
    *("this code ", "this completes ", "based on ", "as requested", "in this ", "i'll ", "i've "),
    *("i will ", "i have ", "i can ", "i'm "),
)


def _is_prose_wanted(snapshot: Snapshot) -> bool:
    """Whether sentences are what is to be written: in prose, strings, comments and values."""
    style = style_of(snapshot)
    is_value = not style.is_code and snapshot.line_before.strip() != ""
    return style.is_prose or is_value or surroundings(snapshot).pending != ""


def _is_code_before(text: str, closer: re.Match[str]) -> bool:
    """Whether the text up to the sentence isn't a long string that the sentence is a part of."""
    before = text[: closer.start()]
    return all(before.count(mark) % 2 == 0 for mark in ('"""', "'''", "`"))

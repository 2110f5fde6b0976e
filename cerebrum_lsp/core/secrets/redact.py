"""Cuts what looks like a secret from a text; call it on every source before it leaves the process.

The forms are in `patterns` and `assignments`, private keys here, since they take several lines.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cerebrum_lsp.core.secrets.assignments import KEYWORDS, secret_values
from cerebrum_lsp.core.secrets.patterns import PATTERNS

KEY_BEGIN = re.compile(r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
KEY_END = re.compile(r"-----END (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
KEY_LINE = re.compile(r"[ \t\"'+,\\nr#*/]*[A-Za-z0-9+/=]{16,}[ \t\"'+,\\nr;)]*$", re.MULTILINE)
KEY_BODY = re.compile(r"[A-Za-z0-9+/=]{24}")
LONGEST_KEY_CHARS = 20_000
DUMMY_PASSWORDS = frozenset(
    {"pass", "passwd", "password", "pwd", "secret", "token", "foo", "bar", "xxx", "***", "..."}
)


@dataclass(frozen=True)
class Found:
    """What was cut: the form of secret and its zero-based line; never the secret itself."""

    name: str
    line: int


@dataclass(frozen=True)
class Redacted:
    """A text without secrets, with as many lines as before, and what was cut from it in order."""

    text: str
    found: tuple[Found, ...] = ()


@dataclass(frozen=True)
class _Span:
    start: int
    end: int
    name: str


def redact(text: str) -> Redacted:
    """Replace each secret in `text` by `<secret:NAME>`; line ends within it stay.

    Takes time linear in the text's length. What is cut once isn't found again.
    """
    # Where two begin at the same place, the order of the patterns decides: the sort is stable.
    spans = _without_overlaps(sorted(_spans(text), key=lambda span: span.start))
    if not spans:
        return Redacted(text)
    pieces, found, done, line = [], [], 0, 0
    for span in spans:
        line += text.count("\n", done, span.start)
        found.append(Found(span.name, line))
        line_ends = text.count("\n", span.start, span.end)
        pieces += [text[done : span.start], f"<secret:{span.name}>", "\n" * line_ends]
        line += line_ends
        done = span.end
    return Redacted("".join([*pieces, text[done:]]), tuple(found))


def _spans(text: str) -> Iterator[_Span]:
    lowered = text.lower()
    for pattern in PATTERNS:
        if any(trigger in lowered for trigger in pattern.triggers):
            group = "secret" if "secret" in pattern.expression.groupindex else 0
            for match in pattern.expression.finditer(text):
                if match[group].lower() not in DUMMY_PASSWORDS:
                    yield _Span(*match.span(group), pattern.name)
    if any(keyword in lowered for keyword in KEYWORDS):
        for value in secret_values(text):
            yield _Span(value.start, value.end, "assigned-secret")
    if "-----begin " in lowered:
        yield from _private_keys(text)


def _private_keys(text: str) -> Iterator[_Span]:
    """Find private keys from their first mark to their last, or to where a cut one ends."""
    position = 0
    while (begin := KEY_BEGIN.search(text, position)) is not None:
        position = begin.end()
        end = KEY_END.search(text, begin.end(), begin.end() + LONGEST_KEY_CHARS)
        last = end.end() if end else _end_of_lines(text, begin.end())
        if KEY_BODY.search(text, begin.end(), last):
            yield _Span(begin.start(), last, "private-key")
            position = last


def _end_of_lines(text: str, begin: int) -> int:
    """Return where the lines that look like a key's, after its first mark, end."""
    end = text.find("\n", begin)
    while end >= 0 and (line := KEY_LINE.match(text, end + 1)) is not None:
        if line.end() - begin > LONGEST_KEY_CHARS:
            break
        end = line.end()
    return begin if end < 0 else end


def _without_overlaps(spans: list[_Span]) -> list[_Span]:
    """Join spans that overlap, under the name of the one that begins first."""
    joined: list[_Span] = []
    for span in spans:
        if joined and span.start < joined[-1].end:
            last = joined.pop()
            span = _Span(last.start, max(last.end, span.end), last.name)  # noqa: PLW2901
        joined.append(span)
    return joined

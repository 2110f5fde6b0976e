"""Cases of "the rest of this line" from held-out files, and their scores."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from tools.train_model.corpus import Source
from tools.train_model.fim import line_spans

PREFIX_CHARS, SUFFIX_CHARS = 3000, 800


@dataclass(frozen=True)
class Case:
    """A request and what should come: ``answer`` is the rest of the line, without its break."""

    path: str
    prefix: str
    answer: str
    suffix: str


@dataclass(frozen=True)
class Reply:
    """What the engine wrote, and whether it ended by itself rather than at the limit."""

    text: str
    ended: bool


def cases(sources: Sequence[Source], count: int, rng: random.Random) -> list[Case]:
    """Draw lines of all files with equal chance, each cut at a random character of its code."""
    lines = [(source, span) for source in sources for span in line_spans(source.text)]
    chosen = rng.sample(lines, min(count, len(lines)))
    drawn = []
    for source, (_, code, end) in chosen:
        at = rng.randint(code, end - 1)
        text = source.text
        drawn.append(
            Case(
                source.path,
                text[max(0, at - PREFIX_CHARS) : at],
                text[at:end],
                text[end : end + SUFFIX_CHARS],
            )
        )
    return drawn


def is_exact(case: Case, reply: Reply) -> bool:
    """Say whether the first line of the reply is the line's rest (blanks at the end aside)."""
    first = reply.text.split("\n", 1)[0]
    return first.rstrip() == case.answer.rstrip()


def score(drawn: Sequence[Case], replies: Sequence[Reply]) -> dict[str, float | int]:
    """Shares over all cases: exact first line; exact as a whole; ended by itself."""
    pairs = list(zip(drawn, replies, strict=True))
    whole = sum(r.ended and r.text.rstrip() == c.answer.rstrip() for c, r in pairs)
    return {
        "lines": len(pairs),
        "exact": round(sum(is_exact(c, r) for c, r in pairs) / len(pairs), 4),
        "exact_and_stopped": round(whole / len(pairs), 4),
        "stopped": round(sum(r.ended for _, r in pairs) / len(pairs), 4),
    }

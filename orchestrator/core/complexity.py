"""How hard an instruction is, from 0 to 10, by what can be seen of it in microseconds. Pure.

Nothing but the words: a model that judged it would take longer than most answers. What counts is
how much is asked for, how many things at once, on how much code, and words that people use for
what takes thought, or for what takes none.
"""

import re
from dataclasses import dataclass

WORDS_PER_POINT, MOST_FOR_WORDS = 40, 2.0
POINTS_PER_STEP, MOST_FOR_STEPS = 0.5, 2.0
POINTS_PER_HARD_WORD, MOST_FOR_HARD_WORDS = 1.5, 5.0
POINTS_PER_EASY_WORD, MOST_FOR_EASY_WORDS = 1.5, 3.0
CHARS_PER_POINT, MOST_FOR_CODE = 4000, 1.5
BASE = 1.0

HARD = re.compile(
    r"\b(?:algorithms?|amortized|architect\w*|asymptotic|atomic\w*|bottlenecks?|byzantine"
    r"|consensus|consisten\w+|concurren\w+|corner[ -]cases?|correctness|data[ -]races?|deadlocks?"
    r"|debug\w*|deriv\w+|design|distributed|edge[ -]cases?|efficient\w*|exactly[ -]once"
    r"|fault[ -]toler\w+|intermittent\w*|invariants?|leaks?|lock[ -]free|logarithmic"
    r"|memory[ -]model|optimal\w*|optimi[sz]\w+|prov(?:e|ing|es)|proof"
    r"|race[ -]conditions?|recurrence|root[ -]cause|scal(?:e|es|able|ability)|security"
    r"|synchroni[sz]\w+|termination|thread[ -]safe\w*|trade-?offs?|vulnerab\w+|why|worst[ -]case"
    r")\b",
    re.IGNORECASE,
)
EASY = re.compile(
    r"\b(?:annotat\w+|comments?|docstrings?|format\w*|imports?|indent\w*|log(?:ging)? lines?|print"
    r"|renam\w+|sort imports|spelling|translate|type hints?|typos?|whitespace)\b",
    re.IGNORECASE,
)
STEPS = re.compile(
    r"^\s*(?:[-*•]|\d+[.)])\s|\b(?:and then|then|after that|afterwards|finally|also|as well as)\b"
    r"|[.;?!](?=\s+\S)",
    re.IGNORECASE | re.MULTILINE,
)
WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Complexity:
    """A score from 0 to 10, and what it is made of: words, steps, hard and easy words, code."""

    score: float
    parts: tuple[tuple[str, float], ...]


def complexity(instruction: str, code_chars: int = 0) -> Complexity:
    """Judge an instruction that is about `code_chars` characters of code."""
    parts = (
        ("length", min(MOST_FOR_WORDS, len(WORD.findall(instruction)) / WORDS_PER_POINT)),
        ("steps", min(MOST_FOR_STEPS, len(STEPS.findall(instruction)) * POINTS_PER_STEP)),
        (
            "hard words",
            min(MOST_FOR_HARD_WORDS, _different(HARD, instruction) * POINTS_PER_HARD_WORD),
        ),
        (
            "easy words",
            -min(MOST_FOR_EASY_WORDS, _different(EASY, instruction) * POINTS_PER_EASY_WORD),
        ),
        ("code", min(MOST_FOR_CODE, code_chars / CHARS_PER_POINT)),
    )
    score = BASE + sum(points for _, points in parts)
    return Complexity(round(min(10.0, max(0.0, score)), 1), parts)


def _different(words: re.Pattern[str], text: str) -> int:
    """Return how many different words are in a text: who repeats himself asks for no more."""
    return len({found.group().lower() for found in words.finditer(text)})

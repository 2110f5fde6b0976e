"""How models think before they answer, as text: between two marks, at the beginning. Pure."""

import re
from dataclasses import dataclass
from typing import Literal

OPEN, CLOSE = "<think>", "</think>"
# What a model that can think is given when it shall not: its own template writes the same.
WITHOUT_THOUGHT = f"{OPEN}\n\n{CLOSE}\n\n"
# Families whose models write their thoughts so, by the beginning of their names.
THINKERS = re.compile(
    r"(?:.*/)?(?:qwen3(?!.*(?:instruct|coder|embed))|qwq|deepseek-r1|magistral"
    r"|phi-?4-(?:mini-)?reasoning|exaone-deep|smollm3|.*-thinking|.*-r1-distill)",
    re.IGNORECASE,
)


def thinks(model: str) -> bool:
    """Whether a model, by its name, thinks before it answers unless it is kept from it."""
    return THINKERS.match(model) is not None


def thought_through(thought: str) -> str:
    """Return the beginning of an answer that follows `thought`, complete or cut."""
    return f"{OPEN}\n{thought.strip()}\n{CLOSE}\n\n"


@dataclass
class Thoughts:
    """Tells a model's thoughts from its answer, while the text arrives in pieces.

    state    at the text so far                   afterwards
    before   may yet be the mark                  it is held back
    before   something else                       answer: all of it is
    inside   until the other mark                 it is thought
    after    white space                          it belongs to nobody
    after    anything else                        answer
    """

    state: Literal["before", "inside", "after", "answer"] = "before"
    _held: str = ""

    def feed(self, piece: str) -> tuple[str, str]:
        """Take in a piece; return what has become sure of thought and of answer."""
        self._held += piece
        thought = ""
        if self.state == "before":
            begun = self._held.lstrip()
            if len(begun) < len(OPEN) and OPEN.startswith(begun):
                return "", ""
            is_thought = begun.startswith(OPEN)
            self.state = "inside" if is_thought else "answer"
            self._held = begun.removeprefix(OPEN) if is_thought else self._held
        if self.state == "inside":
            thought = self._until_mark()
        if self.state == "after" and self._held.strip():
            self.state, self._held = "answer", self._held.lstrip()
        return thought, self.rest() if self.state == "answer" else ""

    def rest(self) -> str:
        """Return what was held back and is no thought, when the text has ended."""
        rest, self._held = self._held, ""
        return rest if self.state in {"before", "answer"} else ""

    def _until_mark(self) -> str:
        thought, mark, after = self._held.partition(CLOSE)
        if mark:
            self.state, self._held = "after", after
            return thought
        end = len(thought) - _overlap(thought, CLOSE)
        self._held = thought[end:]
        return thought[:end]


def _overlap(text: str, mark: str) -> int:
    """Return how much of the end of `text` may be the beginning of `mark`."""
    longest = range(min(len(text), len(mark) - 1), 0, -1)
    return next((size for size in longest if text.endswith(mark[:size])), 0)

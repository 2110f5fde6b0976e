"""How much a pool can read: a slow one gets a short prompt (L3), and none more than fits (L4)."""

from dataclasses import dataclass

CHARS_PER_TOKEN = 3
WORTH_READING_S = 4.0
"""What other files tell may cost this long once; after that it is in the engine's cache."""
STEPS = (1.0, 0.5, 0.2)
"""Shares of what was wanted: a budget that followed each measurement would change the prompt."""
UNKNOWN_SHARE = 0.2
"""Of a pool that has not shown its speed yet, little is asked."""
LEAST_TOKENS = 64
"""What took fewer tokens says more of the way there than of reading."""
WEIGHT = 0.3  # of the newest sample, as in the pace of asking


@dataclass
class ReadingRate:
    """How fast the pool reads prompts, as far as it has shown."""

    tokens_per_s: float | None = None

    def on_prefill(self, tokens: int, elapsed_ms: float) -> None:
        """Learn from a prompt of which so many tokens had to be read."""
        if tokens < LEAST_TOKENS or elapsed_ms <= 0:
            return
        seen = tokens * 1000 / elapsed_ms
        known = self.tokens_per_s or seen
        self.tokens_per_s = known + WEIGHT * (seen - known)

    def affordable_chars(self, wanted_chars: int) -> int:
        """Return how many characters of context to ask for, at most those wanted."""
        if self.tokens_per_s is None:
            return int(wanted_chars * UNKNOWN_SHARE)
        readable_chars = self.tokens_per_s * WORTH_READING_S * CHARS_PER_TOKEN
        for share in STEPS:
            if wanted_chars * share <= readable_chars:
                return int(wanted_chars * share)
        return 0


PARTS = 16
"""A sixteenth of a window less at a time; the node, too, cuts in sixteenths of its room."""
LEAST_PARTS = 4
ROOMY_SHARE = 0.7
ROOMY_PROMPTS = 8
"""So many prompts in a row that leave much room: each change has the engine read all anew."""


class Fit:
    """How much of what is wanted fits the node's context, in sixteenths; of one document.

    What does not fit, the node cuts off where the prefix begins, and each time that it has to cut
    more of it the engine reads all the rest anew. How many tokens a text has only the node knows:
    it is assumed at first, and corrected when prompts fill the room, or leave much of it.
    """

    def __init__(self) -> None:
        self._parts: int | None = None
        self._roomy = 0

    def of(self, wanted_chars: int, room_tokens: int | None) -> float:
        """Return the share of so many characters that fits, at most 1."""
        if room_tokens is None:
            return 1.0
        if self._parts is None:
            fitting = PARTS * room_tokens * CHARS_PER_TOKEN // max(1, wanted_chars)
            self._parts = min(PARTS, max(LEAST_PARTS, fitting))
        return self._parts / PARTS

    def on_prompt(self, prompt_tokens: int, sent_share: float, room_tokens: int | None) -> None:
        """Learn from a prompt, as long as the node has made it.

        `sent_share`: how much was sent of what might have been.
        """
        if room_tokens is None or self._parts is None:
            return
        is_cut = prompt_tokens > room_tokens - room_tokens // PARTS
        is_roomy = prompt_tokens < ROOMY_SHARE * room_tokens * sent_share
        self._roomy = self._roomy + 1 if is_roomy else 0
        if is_cut:
            self._parts = max(LEAST_PARTS, self._parts - 1)
        elif self._roomy >= ROOMY_PROMPTS:
            self._parts, self._roomy = min(PARTS, self._parts + 1), 0

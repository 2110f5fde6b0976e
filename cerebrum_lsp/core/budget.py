"""How much context a pool can read: a slow one gets a short prompt (L3)."""

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

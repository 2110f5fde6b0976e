"""The yardstick: an interpolated trigram model over the same tokens.

Absolute discounting (Ney, Essen and Kneser 1994): each order gives the mass that it takes off its
counts to the next shorter one, down to the uniform distribution.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

DISCOUNT = 0.75

Context = tuple[int, ...]


class Trigram:
    """Counts of one, two and three tokens, with the probabilities that follow from them."""

    def __init__(self, vocabulary: int, start: int = 0, order: int = 3) -> None:
        self.vocabulary, self.start, self.order = vocabulary, start, order
        self._counts: Counter[Context] = Counter()
        self._totals: Counter[Context] = Counter()
        self._kinds: Counter[Context] = Counter()

    def learn(self, files: Iterable[Sequence[int]]) -> None:
        """Count the n-grams of each file; its beginning is padded with the start token."""
        for ids in files:
            padded = [self.start] * (self.order - 1) + list(ids)
            for end in range(self.order - 1, len(padded)):
                for length in range(self.order):
                    self._count(tuple(padded[end - length : end]), padded[end])

    def _count(self, context: Context, token: int) -> None:
        gram = (*context, token)
        if gram not in self._counts:
            self._kinds[context] += 1
        self._counts[gram] += 1
        self._totals[context] += 1

    def probability(self, context: Context, token: int) -> float:
        """Chance of ``token`` after ``context`` (at most order - 1 tokens)."""
        chance = 1.0 / self.vocabulary
        for length in range(len(context) + 1):
            shorter = context[len(context) - length :]
            total = self._totals.get(shorter, 0)
            if not total:
                break
            count = self._counts.get((*shorter, token), 0)
            spare = DISCOUNT * self._kinds[shorter] / total
            chance = max(count - DISCOUNT, 0.0) / total + spare * chance
        return chance

    def bits(self, ids: Sequence[int]) -> float:
        """Bits that this model spends on a file."""
        padded = [self.start] * (self.order - 1) + list(ids)
        return sum(
            -math.log2(self.probability(tuple(padded[end - self.order + 1 : end]), padded[end]))
            for end in range(self.order - 1, len(padded))
        )

"""Measured values beside their limits, and how they are shown."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """A measured value beside its limit, and what was measured beside it.

    What has no limit has an infinite one.
    """

    name: str
    value: float
    limit: float
    unit: str
    reference: str

    @property
    def holds(self) -> bool:
        """Whether the limit is kept."""
        return self.value <= self.limit

    @property
    def has_limit(self) -> bool:
        """Whether it is more than told."""
        return self.limit < math.inf


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` of `values` lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def table(title: str, figures: Sequence[Figure]) -> Table:
    """Return the figures beside their limits."""
    drawn = Table("what", "measured", "limit", "", "beside it", title=title)
    for each in figures:
        verdict = "ok" if each.holds else "[red]missed[/]"
        drawn.add_row(
            each.name,
            f"{each.value:.4g} {each.unit}",
            f"{each.limit:g} {each.unit}" if each.has_limit else "",
            verdict if each.has_limit else "",
            each.reference,
        )
    return drawn

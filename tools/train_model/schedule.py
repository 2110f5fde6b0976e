"""The schedule of a run, by the share of its minutes that is spent, and its progress line."""

from __future__ import annotations

from dataclasses import dataclass

#: (progress at which it ends, tokens per row): short rows first, because they are cheaper and
#: because looking back from the middle to the prefix's end is learned over short ways first.
STAGES = ((0.3, 256), (0.7, 512), (0.9, 1024), (1.0, 2048))
WARMUP = 0.01


def row_length(progress: float) -> int:
    """Tokens per row at a progress between 0 and 1."""
    return next((length for end, length in STAGES if progress < end), STAGES[-1][1])


def rate(progress: float) -> float:
    """Factor of the learning rates: a short warm-up, then linearly to zero."""
    return min(1.0, progress / WARMUP + 0.02) * max(0.0, 1.0 - progress)


@dataclass(frozen=True)
class Report:
    """What a progress line says; times in seconds, speed in tokens per second."""

    step: int
    tokens: int
    spent: float
    budget: float
    loss: float
    epoch: float
    length: int
    speed: float

    def line(self) -> str:
        """Put it in one line."""
        minutes, seconds = divmod(int(max(0.0, self.budget - self.spent)), 60)
        return (
            f"step {self.step:5d}  tokens {self.tokens / 1e6:6.2f}M  epoch {self.epoch:5.2f}  "
            f"row {self.length:4d}  loss {self.loss:.4f}  {self.speed:6.0f} tok/s  "
            f"ETA {minutes}:{seconds:02d}"
        )

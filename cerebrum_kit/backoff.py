"""When to restart what keeps ending: at once the first time, then less and less often."""

from dataclasses import dataclass

FIRST_DELAY_S = 0.5
MAX_DELAY_S = 30.0
STABLE_AFTER_S = 60.0  # a run this long shows that the failures before it are over


@dataclass
class Backoff:
    """Delays between restarts: 0, 0.5, 1, 2, … 30 seconds."""

    first_delay_s: float = FIRST_DELAY_S
    max_delay_s: float = MAX_DELAY_S
    stable_after_s: float = STABLE_AFTER_S
    failures: int = 0
    retry_at: float = 0.0

    def on_end(
        self, started_at: float, now: float, *, was_ready: bool, has_served: bool = False
    ) -> None:
        """Take note that a run that began at `started_at` has ended by itself.

        Only a run that had become ready earns an immediate restart: what can't start once will
        hardly start a moment later. A run that was of use shows, as a long one does, that the
        failures before it are over.
        """
        if has_served or now - started_at >= self.stable_after_s:
            self.failures = 0
        if not was_ready:
            self.failures = max(1, self.failures)
        delay_s = 0.0
        if self.failures:
            delay_s = min(self.max_delay_s, self.first_delay_s * 2.0 ** (self.failures - 1))
        self.failures += 1
        self.retry_at = now + delay_s

    def wait_s(self, now: float) -> float:
        """Return the seconds until the next start may happen."""
        return max(0.0, self.retry_at - now)

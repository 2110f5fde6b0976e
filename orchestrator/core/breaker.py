"""When a node that keeps failing is left alone, and how it earns its place again. Pure.

    event            closed                     open               half-open
    success          the run of failures ends   ignored            ignored
    failure          counted; open when enough  ignored            ignored
    probe begins     -                          half-open          refused: one at a time
    probe succeeds   -                          -                  closed, as new
    probe fails      -                          -                  open, cooldown doubled
    probe abandoned  -                          -                  open, cooldown as before
    node came back   the run of failures ends   a probe is due     -

Success and failure are those of attempts, which hold the `epoch` in which they began: what began
before the last transition says nothing about the node since, and is ignored. Client errors,
refusals and cancellations are not told to the breaker at all.

After M. Nygard, "Release It!", with the failure rate over the last attempts as a second way open.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

State = Literal["closed", "open", "half-open"]


@dataclass(frozen=True)
class BreakerLimits:
    """When to open, and for how many seconds; `jitter` is the share by which chance varies it."""

    failures_in_a_row: int = 3
    failure_rate: float = 0.5
    rate_over_attempts: int = 20
    cooldown_s: float = 10.0
    max_cooldown_s: float = 300.0
    jitter: float = 0.2


@dataclass
class Breaker:
    """One node's breaker. `now` is in seconds, `chance` evenly distributed in [0, 1)."""

    limits: BreakerLimits = field(default_factory=BreakerLimits)
    state: State = "closed"
    epoch: int = 0
    failed_in_a_row: int = 0
    trips: int = 0
    opened_at: float = 0.0
    probe_at: float = 0.0
    recent: deque[bool] = field(default_factory=deque)

    @property
    def is_closed(self) -> bool:
        """Whether requests may go to the node."""
        return self.state == "closed"

    def on_success(self, epoch: int) -> None:
        """Take note of an attempt, begun in `epoch`, that went well."""
        if epoch == self.epoch and self.state == "closed":
            self.failed_in_a_row = 0
            self._remember(succeeded=True)

    def on_failure(self, epoch: int, now: float, chance: float) -> bool:
        """Take note of an attempt, begun in `epoch`, that failed; return whether this opened it."""
        if epoch != self.epoch or self.state != "closed":
            return False
        self.failed_in_a_row += 1
        self._remember(succeeded=False)
        if not self._is_too_much():
            return False
        self._open(now, chance)
        return True

    def on_return(self, now: float) -> None:
        """Take note that the node was gone and is back: what failed was its former life."""
        if self.state == "closed":
            self.failed_in_a_row = 0
        elif self.state == "open":
            self.probe_at = min(self.probe_at, now)

    def probe_due_at(self, *, is_last_hope: bool) -> float | None:
        """Return when to probe; None while closed or being probed.

        The last hope of the pool is not left alone for longer than the first cooldown.
        """
        if self.state != "open":
            return None
        if is_last_hope:
            return min(self.probe_at, self.opened_at + self.limits.cooldown_s)
        return self.probe_at

    def on_probe_begun(self) -> bool:
        """Begin the one probe; return whether that is allowed."""
        if self.state != "open":
            return False
        self._move("half-open")
        return True

    def on_probe_succeeded(self) -> None:
        """Close, with nothing held against the node."""
        if self.state == "half-open":
            self._move("closed")
            self.trips = self.failed_in_a_row = 0
            self.recent.clear()

    def on_probe_failed(self, now: float, chance: float) -> None:
        """Open again, for longer."""
        if self.state == "half-open":
            self._open(now, chance)

    def on_probe_abandoned(self, now: float) -> None:
        """Open again, for as long as before: the probe was cut off and says nothing."""
        if self.state == "half-open":
            self.probe_at = now + min(self.limits.cooldown_s, self._cooldown_s())
            self.opened_at = now
            self._move("open")

    def _is_too_much(self) -> bool:
        limits, attempts = self.limits, len(self.recent)
        if self.failed_in_a_row >= limits.failures_in_a_row:
            return True
        failed = attempts - sum(self.recent)
        return attempts >= limits.rate_over_attempts and failed / attempts >= limits.failure_rate

    def _remember(self, *, succeeded: bool) -> None:
        self.recent.append(succeeded)
        while len(self.recent) > self.limits.rate_over_attempts:
            self.recent.popleft()

    def _open(self, now: float, chance: float) -> None:
        self.trips += 1
        self.opened_at = now
        varied = 1 + self.limits.jitter * (2 * chance - 1)
        self.probe_at = now + min(self.limits.max_cooldown_s, self._cooldown_s() * varied)
        self._move("open")

    def _cooldown_s(self) -> float:
        doublings = min(self.trips - 1, 16)  # far beyond the longest; keeps the power small
        return min(self.limits.max_cooldown_s, self.limits.cooldown_s * 2.0**doublings)

    def _move(self, state: State) -> None:
        self.state = state
        self.epoch += 1


def least_bad(breakers: Iterable[tuple[str, Breaker]]) -> str | None:
    """Return whom to probe first when all are open: the fewest trips, then the longest wait."""
    each = [(breaker.trips, breaker.opened_at, name) for name, breaker in breakers]
    return min(each)[2] if each else None

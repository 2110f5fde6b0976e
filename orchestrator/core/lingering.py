"""When an orchestrator that was started for an editor has outlived its use. Pure."""

from dataclasses import dataclass


@dataclass
class Lingering:
    """Counts who is there (open event streams, running requests); all times in seconds.

    event    guests before    afterwards
    enter    any              one more; no end in sight
    leave    two or more      one fewer
    leave    one              none; ends `linger_s` later
    (start)  none             ends `linger_s` after the start
    """

    linger_s: float
    alone_since: float
    guests: int = 0

    def on_enter(self) -> None:
        """Take note of an editor or a request that has come."""
        self.guests += 1

    def on_leave(self, now: float) -> None:
        """Take note of an editor or a request that has gone."""
        self.guests -= 1
        if not self.guests:
            self.alone_since = now

    def ends_at(self) -> float | None:
        """Return the time at which it should end, None while somebody is there."""
        return None if self.guests else self.alone_since + self.linger_s

"""How long to wait before asking: the faster somebody types and the slower the pool, the longer.

A request that the next keystroke makes worthless costs a slow node whole seconds, a wait costs the
user a fraction of one. (Some daemons do the opposite and hurry when the server is slow.)
"""

MAX_DELAY_S = 0.75  # longer feels dead, however slow the pool is
LEAST_DELAY_S = 0.005  # a pool so fast that less would be waited for is asked at once
WEIGHT = 0.3  # of the newest sample: a change of pace is followed within some five keystrokes
PAUSE_S = 1.0  # a longer interval is thinking, not typing
USUAL_INTERVAL_S = 0.25  # 40 words a minute
USUAL_FIRST_TOKEN_S = 0.3
WORTH_WATCHING_S = 15.0  # what takes longer to write has been typed, or forgotten, before
WORTH_WAITING_S = 2.0  # with nothing to be seen, people go on sooner
LEAST_TOKENS = 16  # a line, however slow the pool is


class Pace:
    """Learns the typing rate and the pool's time to a first token; both in seconds."""

    def __init__(self) -> None:
        self.interval_s = USUAL_INTERVAL_S
        self.first_token_s = USUAL_FIRST_TOKEN_S
        self.tokens_per_s: float | None = None
        self._last_edit_at: float | None = None

    def on_edit(self, now: float) -> None:
        """Learn from a keystroke."""
        if self._last_edit_at is not None and 0 < now - self._last_edit_at < PAUSE_S:
            self.interval_s += WEIGHT * (now - self._last_edit_at - self.interval_s)
        self._last_edit_at = now

    def on_first_token(self, elapsed_s: float) -> None:
        """Learn from a first token that came `elapsed_s` after it was asked for."""
        self.first_token_s += WEIGHT * (elapsed_s - self.first_token_s)

    def on_rate(self, tokens_per_s: float) -> None:
        """Learn from a generation that wrote this many tokens a second."""
        known = self.tokens_per_s or tokens_per_s
        self.tokens_per_s = known + WEIGHT * (tokens_per_s - known)

    def affordable_tokens(self, wanted: int, *, grows: bool) -> int:
        """Return how many tokens to ask for, at most `wanted`: a slow pool is asked for less.

        Much less where the text can't be seen as it `grows`: it comes when it is whole, or not at
        all, since by then somebody has typed on.
        """
        if self.tokens_per_s is None:
            return wanted
        worth_waiting_s = WORTH_WATCHING_S if grows else WORTH_WAITING_S
        return min(wanted, max(LEAST_TOKENS, int(self.tokens_per_s * worth_waiting_s)))

    def delay_s(self) -> float:
        """Return how long to wait for another keystroke before asking the pool.

        About one interval when the answer would take longer than that anyway, and only a part of
        it when the answer comes so soon that the next keystroke hardly wastes it.
        """
        wasted = self.first_token_s / (self.first_token_s + self.interval_s)
        rate = USUAL_INTERVAL_S / max(self.interval_s, 0.01)
        delay_s = wasted * (self.interval_s + 0.5 * self.first_token_s * min(rate, 2.0))
        return min(MAX_DELAY_S, delay_s) if delay_s >= LEAST_DELAY_S else 0.0

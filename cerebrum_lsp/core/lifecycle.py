"""The life of completions in one document: generation outlives the request that began it (L5, L7).

A machine without I/O: each method takes one event and the time, and returns what is to be done.

    ask ──▶ is there a run whose text fits the place?
            1. it has ended:     answer with what remains of it
            2. it is running:    wait for it (a growing client is answered once a line stands)
            3. there is none:    stop the running one; after a delay, start a new one
    edit ─▶ answer the waiting ask with nothing; stop the run if its text can't fit any more
    a run ends, is complete, or a deadline comes ─▶ answer the waiting ask with the best text

At most one run is going on; at most one ask waits; each ask is answered once, or was cancelled.
Editors cancel a request at every keystroke, so a cancellation alone ends nothing: the run goes on
until an edit shows that it is useless, or nobody has asked again for a while.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from cerebrum_lsp.core.decisions import Answer, Ask, Decision, Grow, Start, Stop
from cerebrum_lsp.core.document import Snapshot
from cerebrum_lsp.core.filters.pipeline import Filtered
from cerebrum_lsp.core.pace import Pace
from cerebrum_lsp.core.reuse import can_continue
from cerebrum_lsp.core.run import Run
from cerebrum_lsp.core.stopping import complete_length

KEPT_RUNS = 16  # places that one comes back to within a few minutes
ABANDONED_AFTER_S = 0.75  # after a cancellation; editors ask again within half a second of a key
AWAITED_AGAIN_S = 20.0  # who was answered too early looks again within that, or has gone on


@dataclass
class Completions:
    """The machine of one document. `grows`: the client takes growing completions."""

    grows: bool = False
    pace: Pace = field(default_factory=Pace)
    live: Run | None = None
    waiting: Ask | None = None
    start_at: float | None = None
    abandon_at: float | None = None
    _kept: deque[Run] = field(default_factory=lambda: deque(maxlen=KEPT_RUNS))
    _shown: tuple[Snapshot, str] | None = None
    _awaited: Ask | None = None
    """Whom the start that is due is for, though it may have been answered by then."""
    _run_ids: int = 0

    def next_at(self) -> float | None:
        """Return when `tick` is wanted next, None if only events matter."""
        times = [self.start_at, self.abandon_at, self.waiting.deadline_at if self.waiting else None]
        return min((time for time in times if time is not None), default=None)

    def ask(self, ask: Ask, now: float) -> list[Decision]:
        """Take in a request; one that waits already is superseded."""
        decisions = self._supersede()
        self.waiting, self.abandon_at, self.start_at = ask, None, None
        run = self._fitting(ask.place)
        if run is None:
            decisions += self._stop_live()
            self.start_at = now if ask.manual else now + self.pace.delay_s()
            self._awaited = ask
            return decisions + self.tick(now)
        if not run.is_live:
            return decisions + self._answer(run, "cached")
        if self.grows and run.has_line(ask.place):
            return decisions + self._answer(run, "reused")
        return decisions

    def cancel(self, ask_id: int, now: float) -> list[Decision]:
        """Forget a request that its client withdrew; the answer to that is not ours to give."""
        if self.waiting is None or self.waiting.id != ask_id:
            return []
        self.waiting = self.start_at = None
        self.abandon_at = now + ABANDONED_AFTER_S if self.live else None
        return []

    def edit(self, text: Callable[[], str], now: float) -> list[Decision]:
        """Take note of an edit; `text` returns what the document has become.

        It is asked for only when something is going on: to put a long text together takes longer
        than to edit it.
        """
        self.pace.on_edit(now)
        decisions = self._supersede()
        self.start_at, self._shown = None, None
        if self.live is None:
            return decisions
        if not can_continue(self.live.place, self.live.text, text()):
            return decisions + self._stop_live()
        self.abandon_at = now + ABANDONED_AFTER_S
        return decisions

    def close(self) -> list[Decision]:
        """Drop everything: a closed document has no use for it."""
        decisions = self._supersede() + self._stop_live()
        self.start_at, self._shown = None, None
        self._kept.clear()
        return decisions

    def grow(self, run_id: int, piece: str) -> list[Decision]:
        """Take in a piece of a run's text."""
        run = self.live
        if run is None or run.id != run_id:
            return []
        run.text += piece
        length = complete_length(run.text, run.place)
        if length is not None:
            run.text = run.text[:length]
            return [Stop(run.id), *self.end(run.id, "shown")]
        if not self.grows:
            return []
        decisions = self._tell_growth(run, is_done=False)
        if self.waiting is not None and run.has_line(self.waiting.place):
            decisions += self._answer(run, "shown")
        return decisions

    def end(self, run_id: int, outcome: str, *, is_cut: bool = False) -> list[Decision]:
        """Take note of a run's end: "shown" if it went well, else the name of what went wrong."""
        run = self.live
        if run is None or run.id != run_id:
            return []
        run.is_live, self.live, self.abandon_at = False, None, None
        run.is_cut = is_cut
        if outcome != "shown":
            return self._give_up(outcome, run)
        self._kept.append(run)
        decisions = self._tell_growth(run, is_done=True) if self.grows else []
        if self.waiting is None or run.remainder(self.waiting.place) is None:
            return decisions
        return decisions + self._answer(run, outcome)

    def tick(self, now: float) -> list[Decision]:
        """Do what is due by now."""
        decisions: list[Decision] = []
        if self.start_at is not None and self.start_at <= now and self._awaited is not None:
            decisions.append(self._start(self._awaited, now))
        if self.abandon_at is not None and self.abandon_at <= now:
            decisions += self._stop_live()
        if self.waiting is not None and self.waiting.deadline_at <= now:
            decisions += self._answer_at_deadline()
        return decisions

    def _start(self, ask: Ask, now: float) -> Start:
        self.start_at = self._awaited = None
        self.abandon_at = None if self.waiting else now + AWAITED_AGAIN_S
        self._run_ids += 1
        self.live = Run(self._run_ids, ask.place)
        return Start(self.live.id, ask.place)

    def _stop_live(self) -> list[Decision]:
        run, self.live, self.abandon_at = self.live, None, None
        if run is None:
            return []
        run.is_live = False
        return [Stop(run.id)]

    def _supersede(self) -> list[Decision]:
        ask, self.waiting = self.waiting, None
        return [Answer(ask.id, None, "superseded")] if ask is not None else []

    def _fitting(self, place: Snapshot) -> Run | None:
        """Return the run that has, or may still bring, something to offer at `place`."""
        runs = [self.live] if self.live is not None else []
        return next((run for run in [*runs, *reversed(self._kept)] if run.serves(place)), None)

    def _answer(self, run: Run, outcome: str) -> list[Decision]:
        ask, self.waiting = self.waiting, None
        assert ask is not None  # noqa: S101 - called only when somebody waits
        offered = run.offer(ask.place)
        if offered.text:
            self._shown = (ask.place, offered.text)
            return [Answer(ask.id, offered.text, outcome, run.id, offered.covers)]
        reason = f"filtered:{offered.dropped_by}" if offered.dropped_by else "nothing-to-say"
        return [Answer(ask.id, None, reason, run.id)]

    def _answer_at_deadline(self) -> list[Decision]:
        if self.live is not None:
            return self._give_up("deadline", self.live)
        ask, self.waiting = self.waiting, None
        if ask is not None and not ask.comes_again:
            self.start_at = None
        return [Answer(ask.id, None, "deadline")] if ask is not None else []

    def _give_up(self, outcome: str, run: Run) -> list[Decision]:
        """Answer after a failure; only lack of time leaves a text that can be shown."""
        ask, self.waiting = self.waiting, None
        if ask is None:
            return []
        offered = Filtered("")
        if outcome == "deadline" and ask.comes_again:
            offered = run.offer_lines(ask.place)
        elif outcome == "deadline":
            offered = run.offer(ask.place, is_last_chance=True)
        return [Answer(ask.id, offered.text or None, outcome, run.id, offered.covers)]

    def _tell_growth(self, run: Run, *, is_done: bool) -> list[Decision]:
        place = self.waiting.place if self.waiting else self._shown[0] if self._shown else None
        if place is None:
            return []
        offered = run.offer(place)
        if not is_done and self._shown == (place, offered.text):
            return []
        self._shown = (place, offered.text)
        return [Grow(place, offered.text, is_done, offered.covers)] if offered.text else []

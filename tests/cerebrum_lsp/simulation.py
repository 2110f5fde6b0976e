"""Somebody types, a model writes, and a clock that is not real: the lifecycle of completions.

The simulation plays the editor (which may cancel at every keystroke, as VS Code does, or never, as
Neovim), the pool (which writes what a script says, so many tokens a second), and the timers. It
checks at every step what must always hold.
"""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from cerebrum_lsp.core.decisions import Answer, Ask, Decision, Grow, Start, Stop
from cerebrum_lsp.core.document import Cursor, Snapshot
from cerebrum_lsp.core.lifecycle import Completions
from cerebrum_lsp.core.reuse import can_continue

CHARS_PER_TOKEN = 3
STOPPED_WITHIN_S = 0.05
DEADLINE_S = 8.0

Writer = Callable[[Snapshot], str]


@dataclass
class Upstream:
    """One generation as the pool sees it."""

    place: Snapshot
    full_text: str
    sent: str = ""
    is_live: bool = True
    useless_since: float | None = None


@dataclass
class Simulation:
    """One editor with one document. Times in seconds."""

    writes: Writer
    tokens_per_s: float = 10.0
    first_token_s: float = 0.3
    cancels: bool = True
    grows: bool = False
    before: str = ""
    after: str = ""
    now: float = 0.0
    machine: Completions = field(init=False)
    answers: dict[int, Answer] = field(default_factory=dict)
    cancelled: set[int] = field(default_factory=set)
    asked: dict[int, Snapshot] = field(default_factory=dict)
    grown: list[Grow] = field(default_factory=list)
    upstream: dict[int, Upstream] = field(default_factory=dict)
    shown: str | None = None
    _version: int = 0
    _ask_ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    _queue: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _order: "itertools.count[int]" = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.machine = Completions(grows=self.grows)

    # What the person does.

    def type(self, text: str, *, interval_s: float = 0.2, asks: bool = True) -> None:
        """Press the keys of `text`, one after the other; an editor need not ask after each."""
        for character in text:
            self.wait(interval_s)
            self.change(self.before + character, self.after, asks=asks)

    def delete(self, count: int = 1) -> None:
        """Press backspace."""
        for _ in range(count):
            self.wait(0.1)
            self.change(self.before[:-1], self.after)

    def accept(self, length: int | None = None) -> None:
        """Take the text that is shown, or the first `length` characters of it."""
        if self.shown:
            self.change(self.before + self.shown[:length], self.after)

    def change(self, before: str, after: str, *, asks: bool = True) -> None:
        """Make the document these two texts, with the cursor between them."""
        self._withdraw()
        self.before, self.after, self.shown = before, after, None
        self._version += 1
        self._do(self.machine.edit(lambda: before + after, self.now))
        if asks:
            self.ask()

    def jump(self, offset: int) -> None:
        """Put the cursor elsewhere, and ask there."""
        text = self.before + self.after
        offset %= len(text) + 1
        self._withdraw()
        self.before, self.after, self.shown = text[:offset], text[offset:], None
        self.ask()

    def ask(self, *, manual: bool = False, within_s: float | None = None) -> int:
        """Ask at the cursor; `within_s` as a menu does, which does not wait and asks again."""
        ask_id = next(self._ask_ids)
        self.asked[ask_id] = place = self._place()
        deadline_at = self.now + (DEADLINE_S if within_s is None else within_s)
        comes_again = within_s is not None
        ask = Ask(ask_id, place, manual, deadline_at, comes_again)
        self._do(self.machine.ask(ask, self.now))
        return ask_id

    def cancel(self) -> None:
        """Dismiss what is being waited for."""
        self._withdraw()

    def close(self) -> None:
        """Close the document."""
        self._do(self.machine.close())

    def wait(self, seconds: float) -> None:
        """Let time pass: tokens come, timers run."""
        until = self.now + seconds
        while True:
            timer = self.machine.next_at()
            event_at = self._queue[0][0] if self._queue else None
            due = min((at for at in (timer, event_at) if at is not None), default=None)
            if due is None or due > until:
                break
            self.now = max(self.now, due)
            if event_at is not None and event_at <= due:
                heapq.heappop(self._queue)[2]()
            else:
                self._do(self.machine.tick(self.now))
        self.now = until
        self._check_upstream()

    # What is counted.

    @property
    def started(self) -> int:
        """Generations that were begun upstream."""
        return len(self.upstream)

    @property
    def live(self) -> list[Upstream]:
        """Generations that go on."""
        return [each for each in self.upstream.values() if each.is_live]

    def tokens_generated(self) -> int:
        """Tokens that the pool has generated."""
        return sum(len(each.sent) // CHARS_PER_TOKEN for each in self.upstream.values())

    def outcomes(self) -> list[str]:
        """Return what became of each ask, in their order."""
        return [
            "cancelled" if number in self.cancelled else self.answers[number].outcome
            for number in self.asked
        ]

    def check_all_answered(self) -> None:
        """Each ask has exactly one ending, once there was time for it."""
        self.wait(DEADLINE_S + 1)
        assert set(self.answers) | self.cancelled == set(self.asked)
        assert not set(self.answers) & self.cancelled

    # The editor, the pool, the timers.

    def _withdraw(self) -> None:
        waiting = self.machine.waiting
        if self.cancels and waiting is not None:
            self.cancelled.add(waiting.id)
            self._do(self.machine.cancel(waiting.id, self.now))

    def _place(self) -> Snapshot:
        line = self.before.count("\n")
        cursor = Cursor(line, len(self.before) - (self.before.rfind("\n") + 1))
        return Snapshot(
            "file:///a.py", self._version, "python", "a.py", self.before, self.after, cursor
        )

    def _do(self, decisions: list[Decision]) -> None:
        for decision in decisions:
            match decision:
                case Start(run_id, place):
                    self._begin(run_id, place)
                case Stop(run_id):
                    self.upstream[run_id].is_live = False
                case Answer():
                    self._take(decision)
                case Grow():
                    self._check_offer(decision.place, decision.text)
                    self.grown.append(decision)
        assert len(self.live) <= 1, "at most one generation goes on for a document"

    def _take(self, answer: Answer) -> None:
        assert answer.ask_id not in self.answers, "answered twice"
        assert answer.ask_id not in self.cancelled, "answered after it was withdrawn"
        self.answers[answer.ask_id] = answer
        if answer.text is not None:
            self._check_offer(self.asked[answer.ask_id], answer.text)
            self.shown = answer.text

    def _check_offer(self, place: Snapshot, text: str) -> None:
        current = self._place()
        assert (place.prefix, place.suffix) == (current.prefix, current.suffix), (
            "an offer fits the document as it is now"
        )
        assert text, "an offer says something"

    def _begin(self, run_id: int, place: Snapshot) -> None:
        self.upstream[run_id] = run = Upstream(place, self.writes(place))
        self._later(self.first_token_s, lambda: self._token(run_id, run))

    def _token(self, run_id: int, run: Upstream) -> None:
        if not run.is_live:
            return
        piece = run.full_text[len(run.sent) : len(run.sent) + CHARS_PER_TOKEN]
        run.sent += piece
        if not piece:
            run.is_live = False
            self._do(self.machine.end(run_id, "shown"))
            return
        self._later(1 / self.tokens_per_s, lambda: self._token(run_id, run))
        self._do(self.machine.grow(run_id, piece))

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (self.now + seconds, next(self._order), action))

    def _check_upstream(self) -> None:
        """Nothing goes on for long that the text has made useless."""
        text = self.before + self.after
        for run in self.live:
            if can_continue(run.place, run.sent, text):
                run.useless_since = None
            elif run.useless_since is None:
                run.useless_since = self.now
            else:
                assert self.now - run.useless_since <= STOPPED_WITHIN_S

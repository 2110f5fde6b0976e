"""The breaker: its table on a fake clock, and a state machine that tries what no table thought of.

An event is a word: `ok` and `fail` are attempts begun now, `probe`, `well`, `ill`, `cut` a probe
that begins and how it ends, `back` the node's return, `+7` seconds that pass. After each step the
state is shown as `c0`, `o3` or `h`: closed with so many failures in a row, open with so many
seconds until its probe, half-open.
"""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from orchestrator.core.breaker import Breaker, BreakerLimits, least_bad

MIDDLE = 0.5  # the chance with which jitter changes nothing


def shown(breaker: Breaker, now: float) -> str:
    match breaker.state:
        case "closed":
            return f"c{breaker.failed_in_a_row}"
        case "half-open":
            return "h"
        case _:
            return f"o{max(0.0, breaker.probe_at - now):g}"


def happen(breaker: Breaker, event: str, now: float) -> float:
    """Let one event happen; return the time afterwards."""
    match event:
        case "ok":
            breaker.on_success(breaker.epoch)
        case "fail":
            breaker.on_failure(breaker.epoch, now, MIDDLE)
        case "probe":
            breaker.on_probe_begun()
        case "well":
            breaker.on_probe_succeeded()
        case "ill":
            breaker.on_probe_failed(now, MIDDLE)
        case "cut":
            breaker.on_probe_abandoned(now)
        case "back":
            breaker.on_return(now)
        case _:
            now += float(event)
    return now


def check(script: str, limits: BreakerLimits | None = None) -> None:
    """Run `event→state` steps."""
    breaker, now = Breaker(limits or BreakerLimits()), 100.0
    for step in script.split():
        event, _, expected = step.partition("→")
        now = happen(breaker, event, now)
        if expected:
            assert shown(breaker, now) == expected, step


TABLE = {
    "three in a row open it for ten seconds": "fail→c1 fail→c2 fail→o10 +4→o6",
    "a success ends the run": "fail fail→c2 ok→c0 fail fail→c2 fail→o10",
    "open ignores attempts": "fail fail fail→o10 ok→o10 fail→o10",
    "a probe that succeeds closes it as new": "fail fail fail +10 probe→h well→c0 fail→c1 fail→c2",
    "a probe that fails doubles": "fail fail fail +10 probe ill→o20 +20 probe ill→o40",
    "up to five minutes": "fail fail fail " + "probe ill " * 6 + "probe ill→o300 probe ill→o300",
    "a success forgives doublings": "fail fail fail probe ill→o20 probe well fail fail fail→o10",
    "one probe at a time": "fail fail fail probe→h probe→h ok→h fail→h well→c0",
    "a probe cut off says nothing": "fail fail fail probe cut→o10 probe ill→o20",
    "a cut probe does not shorten for ever": "fail fail fail probe ill probe cut→o10 probe ill→o40",
    "a node that was gone and is back is probed at once": "fail fail fail +1→o9 back→o0 probe→h",
    "a return forgives a run": "fail fail→c2 back→c0",
    "closed can not be probed": "probe→c0 well→c0 ill→c0 cut→c0",
}


@pytest.mark.parametrize("script", TABLE.values(), ids=TABLE.keys())
def test_table(script: str) -> None:
    check(script)


def test_rate_opens_it_when_failures_are_never_in_a_row() -> None:
    limits = BreakerLimits(failures_in_a_row=99, failure_rate=0.5, rate_over_attempts=4)
    check("fail ok fail→c1 ok→c0 fail→o10", limits)
    check("fail ok ok ok fail→c1 ok ok ok fail→c1", limits)


def test_attempt_begun_before_the_last_transition_says_nothing() -> None:
    breaker = Breaker()
    before = breaker.epoch
    for _ in range(3):
        breaker.on_failure(before, 0.0, MIDDLE)
    breaker.on_probe_begun()
    breaker.on_probe_succeeded()
    for _ in range(9):
        assert not breaker.on_failure(before, 1.0, MIDDLE)
    assert (breaker.state, breaker.failed_in_a_row) == ("closed", 0)
    breaker.on_failure(breaker.epoch, 1.0, MIDDLE)
    breaker.on_success(before)
    assert breaker.failed_in_a_row == 1


@pytest.mark.parametrize(("chance", "cooldown_s"), [(0.0, 8.0), (0.5, 10.0), (1.0, 12.0)])
def test_jitter_spreads_the_cooldown(chance: float, cooldown_s: float) -> None:
    breaker = Breaker(BreakerLimits(failures_in_a_row=1))
    breaker.on_failure(0, 100.0, chance)
    assert breaker.probe_at == pytest.approx(100.0 + cooldown_s)


def test_last_hope_is_probed_after_the_first_cooldown_however_often_it_failed() -> None:
    breaker = Breaker()
    for event in ["fail", "fail", "fail", "probe", "ill", "probe", "ill"]:
        happen(breaker, event, 100.0)
    assert breaker.probe_due_at(is_last_hope=False) == 140.0
    assert breaker.probe_due_at(is_last_hope=True) == 110.0
    breaker.on_probe_begun()
    assert breaker.probe_due_at(is_last_hope=True) is None


def test_least_bad_has_tripped_least_and_waited_longest() -> None:
    once, twice, later = Breaker(trips=1, opened_at=5), Breaker(trips=2), Breaker(trips=1)
    later.opened_at = 9
    assert least_bad([("b", twice), ("c", later), ("a", once)]) == "a"
    assert least_bad([]) is None


class BreakerMachine(RuleBasedStateMachine):
    """Attempts that overlap transitions, probes, and time, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.limits = BreakerLimits()
        self.breaker = Breaker(self.limits)
        self.now = 0.0
        self.begun: list[int] = []
        self.was: tuple[str, int] = ("closed", 0)

    @rule(after_s=st.floats(0, 400))
    def time_passes(self, after_s: float) -> None:
        self.now += after_s

    @rule()
    def attempt_begins(self) -> None:
        if self.breaker.is_closed:
            self.begun.append(self.breaker.epoch)

    @rule(data=st.data(), succeeds=st.booleans(), chance=st.floats(0, 1))
    def attempt_ends(self, data: st.DataObject, succeeds: bool, chance: float) -> None:
        if not self.begun:
            return
        epoch = self.begun.pop(data.draw(st.integers(0, len(self.begun) - 1)))
        before = (self.breaker.state, self.breaker.failed_in_a_row, list(self.breaker.recent))
        is_stale = epoch != self.breaker.epoch
        if succeeds:
            self.breaker.on_success(epoch)
        else:
            opened = self.breaker.on_failure(epoch, self.now, chance)
            assert opened == (before[0] == "closed" and self.breaker.state == "open")
        if is_stale:
            after = (self.breaker.state, self.breaker.failed_in_a_row, list(self.breaker.recent))
            assert after == before

    @rule(is_last_hope=st.booleans())
    def probe_begins(self, is_last_hope: bool) -> None:
        due_at = self.breaker.probe_due_at(is_last_hope=is_last_hope)
        assert (due_at is not None) == (self.breaker.state == "open")
        if due_at is not None and due_at <= self.now:
            assert self.breaker.on_probe_begun()
            assert not self.breaker.on_probe_begun(), "one at a time"

    @rule(end=st.sampled_from(["well", "ill", "cut"]))
    def probe_ends(self, end: str) -> None:
        was = self.breaker.state
        happen(self.breaker, end, self.now)
        expected = "closed" if end == "well" else "open"
        assert self.breaker.state == (expected if was == "half-open" else was)

    @rule()
    def node_comes_back(self) -> None:
        was = self.breaker.state
        self.breaker.on_return(self.now)
        assert self.breaker.state == was
        if was == "open":
            assert self.breaker.probe_at <= self.now

    @invariant()
    def every_transition_is_a_new_epoch(self) -> None:
        is_now = (self.breaker.state, self.breaker.epoch)
        if is_now[0] != self.was[0]:
            assert is_now[1] > self.was[1]
        self.was = is_now

    @invariant()
    def wait_is_bounded(self) -> None:
        if self.breaker.state == "open":
            assert self.breaker.probe_at - self.breaker.opened_at <= self.limits.max_cooldown_s

    @invariant()
    def closed_never_has_too_many_failures(self) -> None:
        if self.breaker.is_closed:
            assert self.breaker.failed_in_a_row < self.limits.failures_in_a_row


BreakerMachine.TestCase.settings = settings(max_examples=100, deadline=None)
TestBreaker = BreakerMachine.TestCase

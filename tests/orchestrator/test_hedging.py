"""A second node is asked when the first is late, the loser is cancelled, the load hardly grows."""

import asyncio
import time
from collections.abc import AsyncGenerator

import pytest

from cerebrum_kit.wire import TokenEvent
from node_backend.wire import DoneEvent
from orchestrator.core.hedging import HedgeBudget, hedge_after_s
from orchestrator.core.prediction import NodeSpeeds, Work, predict
from orchestrator.errors import NodeFailedError
from orchestrator.nodes import Accepted, NodeEvent
from orchestrator.race import Runner, race
from tests.fakes import behaviours as b
from tests.fakes.node import WAIT_S, FakeNode
from tests.fakes.pacing import Rates
from tests.orchestrator.pool import Service, eventually, service, until_stats
from tests.orchestrator.test_prediction import MODEL, learned, served


@pytest.mark.parametrize("requests", [1, 19, 20, 21, 1000])
def test_at_most_one_in_twenty_is_asked_twice(requests: int) -> None:
    budget, hedged = HedgeBudget(0.05), 0
    for _ in range(requests):
        budget.on_request()
        hedged += budget.take()
    assert hedged <= 0.05 * requests
    assert hedged >= 0.05 * requests - 1


def test_what_was_not_spent_is_not_saved_up() -> None:
    budget = HedgeBudget(0.05)
    for _ in range(1000):
        budget.on_request()
    assert [budget.take() for _ in range(2)] == [True, False]


def test_nothing_is_late_before_enough_is_known() -> None:
    unmeasured = predict(Work(400, 10), NodeSpeeds(MODEL), None)
    measured = predict(Work(400, 10), NodeSpeeds(MODEL, {MODEL: learned(served())}), None)
    assert hedge_after_s(unmeasured, 1.0) is None
    assert hedge_after_s(measured, None) is None
    assert hedge_after_s(measured, 0.1) == measured.first_token_s
    assert hedge_after_s(measured, 30.0) == 30.0


class Racer:
    """A scripted attempt: says a token when `go` is set, and notices its end."""

    def __init__(self, name: str, *, fails: bool = False) -> None:
        self.name = name
        self.go = asyncio.Event()
        self.begun = asyncio.Event()
        self.closed = asyncio.Event()
        self._fails = fails

    def runner(self) -> Runner[str]:
        return Runner(self.name, self._events())

    async def _events(self) -> AsyncGenerator[NodeEvent, None]:
        self.begun.set()
        try:
            yield Accepted()
            await self.go.wait()
            if self._fails:
                raise NodeFailedError(f"{self.name} failed")
            yield TokenEvent(token=self.name, total_tokens=1)
            yield DoneEvent.model_validate(b.done_event(1, 1))
        finally:
            self.closed.set()


async def run(first: Racer, second: Racer, after_s: float = 0.0) -> list[str]:
    told = race(first.runner(), after_s, second.runner)
    async with asyncio.timeout(WAIT_S):
        return [f"{name}:{type(event).__name__}" async for name, event in told]


async def test_first_to_speak_wins_and_the_other_is_closed() -> None:
    for winner_at in range(2):
        racers = [Racer("a"), Racer("b")]
        racers[winner_at].go.set()
        told = await run(racers[0], racers[1], after_s=0.0 if winner_at else 60.0)
        name = racers[winner_at].name
        assert told[-2:] == [f"{name}:TokenEvent", f"{name}:DoneEvent"]
        assert racers[winner_at].closed.is_set()
        if winner_at:
            assert racers[0].closed.is_set()


async def test_one_that_fails_leaves_the_race_to_the_other() -> None:
    first, second = Racer("a", fails=True), Racer("b")

    async def fail_then_speak() -> None:
        await asyncio.sleep(0)
        first.go.set()
        await first.closed.wait()
        second.go.set()

    told, _ = await asyncio.gather(run(first, second), fail_then_speak())
    assert told[-1] == "b:DoneEvent"


async def test_both_failing_is_the_last_ones_failure() -> None:
    first, second = Racer("a", fails=True), Racer("b", fails=True)
    first.go.set()
    second.go.set()
    with pytest.raises(NodeFailedError):
        await run(first, second)


async def test_leaving_the_race_closes_both() -> None:
    first, second = Racer("a"), Racer("b")
    running = asyncio.create_task(run(first, second))
    await asyncio.wait_for(second.begun.wait(), WAIT_S)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert first.closed.is_set()
    assert second.closed.is_set()


async def learn(pool: Service, *, times: int = 24) -> None:
    """Let the pool find out how soon a's first tokens come; b refuses meanwhile."""
    for _ in range(times):
        assert (await pool.ask()).json()["node"] == "a"


async def test_late_first_token_is_fetched_from_an_idle_node_and_the_slot_is_freed() -> None:
    async with FakeNode() as node, FakeNode() as other, service(node, other) as pool:
        other.health = other.health_of(accepting=False)
        await eventually(pool, lambda nodes: nodes[1]["state"] == "refusing")
        await learn(pool)
        other.health = other.health_of()
        await eventually(pool, lambda nodes: nodes[1]["state"] == "ready")
        await pool.ask()  # by which b is measured, too
        node.behaviour = b.hang_before_headers()
        cancelled = asyncio.create_task(node.next_cancellation())
        events = await pool.ask_stream(mode="fast")
        ended_at = time.monotonic()
        assert events[-1][1]["node"] == "b"
        assert "".join(data.get("token", "") for _, data in events) == "hello world"
        await cancelled
        assert time.monotonic() - ended_at < 1.0  # 0.1 s is the aim; busy machines run this
        await until_stats(pool, active_requests=0, hedged_total=1)
        assert node.running == other.running == 0
        assert [each["in_flight"] for each in (await pool.stats())["nodes"]] == [0, 0]


async def test_where_everything_is_late_a_twentieth_more_is_asked_of_the_nodes() -> None:
    async with FakeNode() as node, FakeNode() as other, service(node, other) as pool:
        other.health = other.health_of(accepting=False)
        await eventually(pool, lambda nodes: nodes[1]["state"] == "refusing")
        await learn(pool)
        other.health = other.health_of()
        await eventually(pool, lambda nodes: nodes[1]["state"] == "ready")
        for each in (node, other):
            each.behaviour = b.ok(pace=Rates(prefill_tokens_per_s=50.0, decode_tokens_per_s=1000.0))
        for _ in range(40):
            await pool.ask()
        asked, computed = 24 + 40, len(node.requests) + len(other.requests)
        assert asked < computed <= 1.05 * asked


async def test_background_work_is_never_asked_twice() -> None:
    async with FakeNode() as node, FakeNode() as other, service(node, other, stall_s=1.0) as pool:
        other.health = other.health_of(accepting=False)
        await eventually(pool, lambda nodes: nodes[1]["state"] == "refusing")
        await learn(pool)
        other.health = other.health_of()
        await eventually(pool, lambda nodes: nodes[1]["state"] == "ready")
        node.behaviour = b.hang_before_headers()
        other.behaviour = b.hang_before_headers()
        assert (await pool.ask(mode="async", deadline_ms=300)).status_code == 504
        assert (len(node.requests) + len(other.requests)) == 25

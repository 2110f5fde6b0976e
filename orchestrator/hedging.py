"""Runs a route: one attempt, or, when its first token is late, two of which one wins."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from orchestrator.attempts import Attempt, Attempts
from orchestrator.choices import Chooser
from orchestrator.core.hedging import HedgeBudget, hedge_after_s, is_idle
from orchestrator.core.prediction import Tolerance, allow
from orchestrator.core.routing import Route
from orchestrator.life import Life
from orchestrator.nodes import NodeEvent
from orchestrator.pool import Pool
from orchestrator.race import Runner, race

Told = AsyncGenerator[tuple[str, NodeEvent], None]


@dataclass(frozen=True)
class _Second:
    """How to ask another node, if there is one then."""

    start: Callable[[], Runner[str] | None]
    after_s: float


class Hedger:
    """Asks nodes; `hedged_total` counts how often two were asked."""

    def __init__(self, pool: Pool, attempts: Attempts, chooser: Chooser, share: float) -> None:
        self._pool = pool
        self._attempts = attempts
        self._chooser = chooser
        self.budget = HedgeBudget(share)
        self.hedged_total = 0

    async def run(self, life: Life, chosen: Route, tolerance: Tolerance) -> Told:
        """Yield who says what. Raises the failure of the last node that was asked."""
        runner = self._runner(life, chosen, tolerance)
        second = self._second(life, chosen, tolerance)
        if second is not None:
            async with aclosing(race(runner, second.after_s, second.start)) as told:
                async for each in told:
                    yield each
            return
        async with aclosing(runner.events) as events:
            async for event in events:
                yield runner.name, event

    def _runner(self, life: Life, chosen: Route, tolerance: Tolerance) -> Runner[str]:
        member, prediction = self._pool.members[chosen.node], chosen.prediction
        assert member.client is not None  # noqa: S101 - a route leads to an address
        assert prediction is not None  # noqa: S101 - and was predicted
        model = chosen.model or member.seen.model
        asked = life.remaining(model)
        if chosen.model is not None:
            asked = asked.model_copy(update={"model": chosen.model})
        attempt = Attempt(
            member,
            member.client,
            asked,
            allow(prediction, asked.max_tokens, tolerance),
            prompt_chars=life.work().prompt_chars,
            service_s=prediction.service_s,
            model=model,
        )
        return Runner(chosen.node, self._attempts.run(attempt))

    def _second(self, life: Life, chosen: Route, tolerance: Tolerance) -> _Second | None:
        if self._chooser.mode_of(life) != "fast" or life.is_first_token_sent:
            return None
        self.budget.on_request()
        member = self._pool.members[chosen.node]
        model = chosen.model or member.seen.model or ""
        speed = member.speeds.get(model)
        late_s = None if speed is None else speed.late_first_token_s()
        after_s = hedge_after_s(chosen.prediction, late_s)
        if after_s is None or len(self._pool.members) == 1:
            return None

        def start() -> Runner[str] | None:
            other = self._chooser.other(life, but=chosen.node)
            if other is None or not self._is_worth_it(other, model):
                return None
            self.hedged_total += 1
            return self._runner(life, other, tolerance)

        return _Second(start, after_s)

    def _is_worth_it(self, other: Route, model: str) -> bool:
        nodes = {node.name: node for node in self._pool.snapshots()}
        same = (other.model or nodes[other.node].speeds.model) == model
        return same and is_idle(nodes[other.node]) and self.budget.take()

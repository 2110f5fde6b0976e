"""Which node and model a request gets: what routing needs, and the decisions that it took."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from orchestrator.core.hedging import is_idle
from orchestrator.core.prediction import first_token_ms, total_ms
from orchestrator.core.routing import Mode, NoRoute, Route, RouteQuery, Wait, route
from orchestrator.core.tiers import DEFAULT_TIERS, Tiers
from orchestrator.life import Life
from orchestrator.pool import Pool
from orchestrator.wire import ConsideredNode, DecisionEvent

ASSUMED_INTERVAL_S = 0.1  # while there is no node: ten tokens a second
CONSIDERED_KEPT = 32
DECISIONS_KEPT = 1000  # as many as one looks back through; about two kilobytes each


@dataclass(frozen=True)
class Preferences:
    """What a request gets that does not say otherwise."""

    mode: Mode = "fast"
    tiers: Tiers = field(default_factory=lambda: DEFAULT_TIERS)


@dataclass(frozen=True)
class Decision:
    """One decision, and for whom and when (seconds since 1970) it was taken."""

    request_id: str
    at: float
    mode: Mode
    taken: Route | Wait | NoRoute

    def shown(self) -> DecisionEvent:
        """Return it as the wire shows it."""
        taken = self.taken
        chosen = None if isinstance(taken, NoRoute) else taken
        return DecisionEvent(
            request_id=self.request_id,
            at=self.at,
            mode=self.mode,
            outcome=_outcome(taken),
            node=None if chosen is None else chosen.node,
            model=None if chosen is None else chosen.model,
            reason=taken.reason,
            predicted_first_token_ms=first_token_ms(None if chosen is None else chosen.prediction),
            considered=[
                ConsideredNode(
                    node=each.node,
                    candidate=each.is_candidate,
                    why=each.why,
                    model=each.model,
                    score=list(each.score),
                    predicted_first_token_ms=first_token_ms(each.prediction),
                    predicted_total_ms=total_ms(each.prediction),
                )
                for each in taken.considered
            ],
        )


def _outcome(taken: Route | Wait | NoRoute) -> Literal["route", "wait", "none"]:
    match taken:
        case Route():
            return "route"
        case Wait():
            return "wait"
        case NoRoute():
            return "none"


def shortened(taken: Route | Wait | NoRoute) -> Route | Wait | NoRoute:
    """Return a decision with the nodes that came nearest: of hundreds, nobody reads the rest."""
    if len(taken.considered) <= CONSIDERED_KEPT:
        return taken
    nearest = sorted(taken.considered, key=lambda each: (not each.is_candidate, each.score))
    return replace(taken, considered=tuple(nearest[:CONSIDERED_KEPT]))


class Chooser:
    """Routes requests over the pool; `on_decision` is called with each decision."""

    def __init__(
        self,
        pool: Pool,
        preferences: Preferences,
        on_decision: Callable[[Decision], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool = pool
        self.preferences = preferences
        self._on_decision = on_decision
        self._clock = clock
        self.decisions: deque[Decision] = deque(maxlen=DECISIONS_KEPT)

    def mode_of(self, life: Life) -> Mode:
        """Return the mode that a request asks for, or gets."""
        return life.request.mode or self.preferences.mode

    def service_s(self, life: Life) -> float | None:
        """Return how long a request will probably keep a node busy; None while nobody knows."""
        foreseen = self._route(life, frozenset())
        life.foreseen = (self._pool.change, foreseen)
        match foreseen:
            case Route(prediction=prediction) if prediction and prediction.is_measured:
                return prediction.service_s
            case _:
                return None

    def token_interval_s(self, life: Life) -> float:
        """Return the seconds between two tokens for a request, probably."""
        match self._route(life, frozenset()):
            case Route(prediction=prediction) if prediction is not None:
                return prediction.token_interval_s
            case _:
                return ASSUMED_INTERVAL_S

    def choose(self, life: Life) -> Route | Wait | NoRoute:
        """Choose for `life`, and remember it."""
        begun_at = self._clock()
        taken = self._foreseen(life) or self._route(life, frozenset(life.failures))
        life.route_s += self._clock() - begun_at
        decision = Decision(life.id, time.time(), self.mode_of(life), shortened(taken))
        self.decisions.append(decision)
        self._on_decision(decision)
        return taken

    def _foreseen(self, life: Life) -> Route | Wait | NoRoute | None:
        """Return the route that was found on arrival, unless something has changed since."""
        foreseen, life.foreseen = life.foreseen, None
        return foreseen[1] if foreseen and foreseen[0] is self._pool.change else None

    def idle(self, life: Life) -> Route | None:
        """Return where `life` would go, if that node has nothing to do; not remembered."""
        match self._route(life, frozenset()):
            case Route() as chosen:
                nodes = {node.name: node for node in self._pool.snapshots()}
                return chosen if is_idle(nodes[chosen.node]) else None
            case _:
                return None

    def other(self, life: Life, but: str) -> Route | None:
        """Choose somebody other than `but` for a request that `but` is late with."""
        tried = frozenset({but, *life.failures})
        match self._route(life, tried):
            case Route() as chosen:
                return chosen
            case _:
                return None

    def _route(self, life: Life, tried: frozenset[str]) -> Route | Wait | NoRoute:
        now, request = self._clock(), life.request
        ends_at = life.lifetime.ends_at
        query = RouteQuery(
            tried=tried,
            work=life.work(),
            models=self._models(life),
            must_list=life.continues_with is not None,
            min_success_rate=request.min_success_rate,
            in_s=None if ends_at is None else ends_at - now,
        )
        nodes, known = self._pool.snapshots(), self._pool.knowledge()
        return route(query, nodes, self.mode_of(life), now, known)

    def _models(self, life: Life) -> Sequence[str]:
        if life.continues_with is not None:
            return (life.continues_with,)
        if life.request.model is not None:
            return (life.request.model,)
        if life.request.tier is not None:
            return tuple(self.preferences.tiers.get(life.request.tier, ()))
        return ()

"""Which node takes a request, with which model. Pure: frozen snapshots in, a decision out.

1. Nodes that can't serve are no candidates: tried already, unreachable, unauthorized, left alone by
   their breaker, with a GPU that is full, or without an address while another has one.
2. The model: the one that is named; or of a tier, the first of its list that some node has and
   that is in time for the deadline (else the one that ends first); or the node's own. A node that
   has no memory for it is no candidate.
3. Those that are ready come before those that load, are unknown or refuse; and those that are
   known to have the model before those that may have it; then those that are in time.
4. The mode says what counts among equals:
       fast       soonest first token, then soonest end
       reliable   success rate above the wanted one, then one that was measured at all, then the
                  rate, then the time without a failure
       async      no GPU, then the smallest backlog, then the least loaded machine
   Then the node that is not yet measured, so that it will be; then the faster one; then by name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from orchestrator.core.prediction import Assumptions, Prediction, Work, predict
from orchestrator.core.snapshot import PREFERENCE, NodeSnapshot
from orchestrator.core.speeds import Speed
from orchestrator.core.tiers import has_model

Mode = Literal["fast", "reliable", "async"]
NoRouteReason = Literal[
    "no-nodes", "unreachable", "unauthorized", "circuit-open", "all-tried", "vram-low", "no-model"
]

STABLE_S = 3600.0  # an hour without a failure is as good as a day


@dataclass(frozen=True)
class RouteQuery:
    """What a request asks of a node; `tried` have failed it already.

    `models` are acceptable in this order; none means any. `must_list` accepts only nodes that
    surely have the model. `in_s` is the time left.
    """

    tried: frozenset[str] = frozenset()
    work: Work = field(default_factory=lambda: Work(0, 128))
    models: Sequence[str] = ()
    must_list: bool = False
    min_success_rate: float = 0.95
    in_s: float | None = None


@dataclass(frozen=True)
class Knowledge:
    """What holds for all nodes.

    The fastest speed by model, of nodes without a GPU and of those with one; what is assumed of the
    rest; and the VRAM in MB below which a GPU is full.
    """

    fastest: Mapping[str, Speed] = field(default_factory=dict)
    fastest_gpu: Mapping[str, Speed] = field(default_factory=dict)
    min_vram_mb: float = 0.0
    assumed: Assumptions = field(default_factory=Assumptions)


@dataclass(frozen=True, slots=True)
class Considered:
    """One node, and why it was or was not a candidate; the lowest score, in order, wins."""

    node: str
    is_candidate: bool
    why: str
    model: str | None = None
    prediction: Prediction | None = None
    score: tuple[float, ...] = ()


@dataclass(frozen=True)
class Route:
    """Ask `node`."""

    node: str
    reason: str
    considered: tuple[Considered, ...]
    model: str | None = None
    prediction: Prediction | None = None


@dataclass(frozen=True)
class Wait:
    """`node` is starting: ask again when something has changed."""

    node: str
    reason: str
    considered: tuple[Considered, ...]
    model: str | None = None
    prediction: Prediction | None = None


@dataclass(frozen=True)
class NoRoute:
    """Nobody can be asked; `retry_after_s` is when that may be different."""

    reason: NoRouteReason
    message: str
    retry_after_s: float
    considered: tuple[Considered, ...]


NOTHING_KNOWN = Knowledge()


def route(
    query: RouteQuery,
    nodes: Sequence[NodeSnapshot],
    mode: Mode,
    now: float,
    known: Knowledge = NOTHING_KNOWN,
) -> Route | Wait | NoRoute:
    """Choose a node and its model; the rules are this module's."""
    usable = [node for node in nodes if _why_not(query, node, now, known) is None]
    asked = [node for node in usable if node.can_be_asked] or usable
    model = _model(query, asked, known)
    candidates = {node.name: _candidate(query, node, model, mode, now, known) for node in asked}
    considered = tuple(
        candidates.get(node.name) or Considered(node.name, False, _words(query, node, now, known))
        for node in nodes
    )
    chosen = min(
        (each for each in candidates.values() if each.is_candidate),
        key=lambda each: (each.score, each.node),
        default=None,
    )
    if chosen is None:
        return _no_route(query, nodes, now, known, considered)
    if any(node.can_be_asked for node in asked):
        rates = {node.name: node.speed.success_rate for node in nodes}
        reason = _reason(chosen, considered, mode, rates[chosen.node])
        return Route(chosen.node, reason, considered, chosen.model, chosen.prediction)
    return Wait(
        chosen.node, f"{chosen.node} is starting", considered, chosen.model, chosen.prediction
    )


def _why_not(query: RouteQuery, node: NodeSnapshot, now: float, known: Knowledge) -> str | None:
    if node.name in query.tried:
        return "tried already"
    if node.state not in PREFERENCE:
        return _state_words(node)
    if node.breaker != "closed":
        wait_s = max(0.0, node.breaker_probe_at - now)
        return f"left alone after failures, to be probed in {wait_s:.0f} s"
    if _is_full(node, known):
        return f"short of VRAM: {node.vram_free_mb:.0f} MB free, {known.min_vram_mb:.0f} wanted"
    return None


def _is_full(node: NodeSnapshot, known: Knowledge) -> bool:
    return node.vram_free_mb is not None and node.vram_free_mb < known.min_vram_mb


def _words(query: RouteQuery, node: NodeSnapshot, now: float, known: Knowledge) -> str:
    return _why_not(query, node, now, known) or f"{_state_words(node)}, and has no address yet"


def _state_words(node: NodeSnapshot) -> str:
    return f"{node.state}: {node.reason}" if node.reason else node.state


def _listed(node: NodeSnapshot, model: str) -> str | None:
    own = node.speeds.model
    return has_model((*node.models, *([own] if own else [])), model)


def _model(query: RouteQuery, nodes: Sequence[NodeSnapshot], known: Knowledge) -> str | None:
    """Return which of the acceptable models to ask for."""
    if len(query.models) == 1:
        return query.models[0]
    ends: dict[str, float] = {}
    for model in query.models:
        listed = ((node, _listed(node, model)) for node in nodes)
        holders = [(node, name) for node, name in listed if name and name not in node.unfit]
        if not holders:
            continue
        ends[model] = min(_predicted(query, node, name, known).total_s for node, name in holders)
        if query.in_s is None or ends[model] <= query.in_s:
            return model
    return min(ends, key=lambda model: ends[model], default=None)


def _predicted(
    query: RouteQuery, node: NodeSnapshot, model: str | None, known: Knowledge
) -> Prediction:
    others = known.fastest_gpu if node.has_gpu else known.fastest
    return predict(query.work, node.speeds, model, others, known.assumed)


def _candidate(
    query: RouteQuery,
    node: NodeSnapshot,
    model: str | None,
    mode: Mode,
    now: float,
    known: Knowledge,
) -> Considered:
    listed = _listed(node, model) if model else None
    if model is not None and listed is None and query.must_list:
        return Considered(node.name, False, f"without {model}")
    name = listed or model or node.speeds.model
    if name in node.unfit:
        return Considered(node.name, False, f"too small for {name}")
    prediction = _predicted(query, node, listed or model, known)
    # A node that does not list a model is asked last and not never: lists grow old, and names vary.
    is_doubtful = bool(model is not None and listed is None and node.models)
    score = (
        float(PREFERENCE[node.state]),
        float(is_doubtful),
        float(query.in_s is not None and prediction.total_s > query.in_s),
        *_score(query, node, prediction, mode, now),
        float(prediction.is_measured),
        prediction.token_interval_s,
    )
    return Considered(node.name, True, _state_words(node), listed or model, prediction, score)


def _score(
    query: RouteQuery, node: NodeSnapshot, prediction: Prediction, mode: Mode, now: float
) -> tuple[float, ...]:
    match mode:
        case "fast":
            soonest, ends = _ms(prediction.first_token_s), _ms(prediction.total_s)
            return soonest, ends, float(node.in_flight)
        case "reliable":
            rate = round(node.speed.success_rate, 3)
            failed_at = node.speed.failed_at
            stable_s = STABLE_S if failed_at is None else min(STABLE_S, now - failed_at)
            is_below = float(rate < query.min_success_rate)
            is_unproven = float(not prediction.is_measured)
            soonest = _ms(prediction.first_token_s)
            return is_below, is_unproven, -rate, -round(stable_s), soonest
        case "async":
            backlog = round(prediction.queue_s, 1)
            return float(node.has_gpu), float(node.in_flight), backlog, node.cpu_percent // 10


def _ms(seconds: float) -> float:
    """Return whole milliseconds: what differs by less is a tie."""
    return float(round(seconds * 1000))


def _reason(
    chosen: Considered, considered: Sequence[Considered], mode: Mode, success_rate: float
) -> str:
    candidates = sum(each.is_candidate for each in considered)
    prediction = chosen.prediction
    if candidates == 1 or prediction is None:
        return f"{chosen.why}, the only candidate"
    stages = f"first token in {prediction.first_token_s:.2f} s"
    if not prediction.is_measured:
        stages += " assumed, not yet measured"
    match mode:
        case "fast":
            return f"{chosen.why}, soonest of {candidates}: {stages}"
        case "reliable":
            went_well = f"{success_rate:.1%} went well"
            return f"{chosen.why}, most reliable of {candidates}: {went_well}, {stages}"
        case "async":
            return f"{chosen.why}, most spare of {candidates}: {stages}"


def _no_route(
    query: RouteQuery,
    nodes: Sequence[NodeSnapshot],
    now: float,
    known: Knowledge,
    considered: tuple[Considered, ...],
) -> NoRoute:
    open_until = [node.breaker_probe_at for node in nodes if _is_left_alone(node)]
    times = open_until or [node.next_probe_at for node in nodes]
    retry_after_s = max(0.0, min(times, default=now) - now)
    words = "; ".join(f"{each.node} is {each.why}" for each in considered)
    is_usable = any(_why_not(query, node, now, known) is None for node in nodes)
    reason = "no-model" if is_usable else _no_route_reason(query, nodes, known)
    return NoRoute(reason, words or "no node is configured", retry_after_s, considered)


def _is_left_alone(node: NodeSnapshot) -> bool:
    return node.breaker != "closed" and node.state in PREFERENCE


def _no_route_reason(
    query: RouteQuery, nodes: Sequence[NodeSnapshot], known: Knowledge
) -> NoRouteReason:
    if not nodes:
        return "no-nodes"
    if all(node.name in query.tried for node in nodes):
        return "all-tried"
    if any(_is_left_alone(node) for node in nodes if node.name not in query.tried):
        return "circuit-open"
    if all(node.state == "unauthorized" for node in nodes):
        return "unauthorized"
    if any(_is_full(node, known) for node in nodes if node.name not in query.tried):
        return "vram-low"
    return "unreachable"

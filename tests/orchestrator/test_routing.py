"""Routing: nodes in, a decision with its reasons out."""

import pytest

from orchestrator.choices import CONSIDERED_KEPT, shortened
from orchestrator.core.breaker import State as BreakerState
from orchestrator.core.routing import (
    NoRoute,
    Route,
    RouteQuery,
    Wait,
    route,
)
from orchestrator.core.snapshot import NodeSnapshot, State

NOW = 100.0


def node(
    name: str, state: State = "ready", in_flight: int = 0, *, has_address: bool = True
) -> NodeSnapshot:
    return NodeSnapshot(name, state, has_address, in_flight, next_probe_at=NOW + 1.5)


def left_alone(name: str, breaker: BreakerState = "open") -> NodeSnapshot:
    return NodeSnapshot(name, "ready", breaker=breaker, breaker_probe_at=NOW + 7)


def check(*nodes: NodeSnapshot, tried: str = "") -> str:
    """Return the decision in one word: `→name`, `wait name`, or the reason of none."""
    match route(RouteQuery(frozenset(tried.split())), nodes, "fast", NOW):
        case Route(name, reason, considered):
            assert reason
            assert {each.node for each in considered} == {each.name for each in nodes}
            return f"→{name}"
        case Wait(name):
            return f"wait {name}"
        case NoRoute(reason):
            return reason


TABLE: list[tuple[str, tuple[NodeSnapshot, ...], str, str]] = [
    ("the only one", (node("a"),), "", "→a"),
    ("fewest in flight", (node("a", in_flight=2), node("b", in_flight=1)), "", "→b"),
    ("a tie goes by name", (node("b", in_flight=1), node("a", in_flight=1)), "", "→a"),
    ("ready before loading", (node("a", "loading"), node("b", in_flight=9)), "", "→b"),
    ("loading rather than nobody", (node("a", "loading"),), "", "→a"),
    ("loading before unknown", (node("a", "unknown"), node("b", "loading")), "", "→b"),
    ("unknown rather than nobody", (node("a", "unknown"),), "", "→a"),
    ("refusing comes last", (node("a", "refusing"), node("b", "unknown")), "", "→b"),
    ("refusing is asked, since it may have changed its mind", (node("a", "refusing"),), "", "→a"),
    ("tried ones are not asked again", (node("a"), node("b", in_flight=5)), "a", "→b"),
    ("starting is waited for", (node("a", "loading", has_address=False),), "", "wait a"),
    (
        "not waited for while another can be asked",
        (node("a", "loading", has_address=False), node("b", "refusing")),
        "",
        "→b",
    ),
    (
        "waited for when the other has been tried",
        (node("a", "loading", has_address=False), node("b", "refusing")),
        "b",
        "wait a",
    ),
    ("none configured", (), "", "no-nodes"),
    ("unreachable", (node("a", "unreachable"),), "", "unreachable"),
    ("left alone by its breaker", (left_alone("a"), node("b", "refusing")), "", "→b"),
    ("all left alone", (left_alone("a"), node("b", "unreachable")), "", "circuit-open"),
    ("half-open takes no requests", (left_alone("a", "half-open"),), "", "circuit-open"),
    ("unauthorized", (node("a", "unauthorized"),), "", "unauthorized"),
    ("one of each", (node("a", "unauthorized"), node("b", "unreachable")), "", "unreachable"),
    ("all tried", (node("a"), node("b")), "a b", "all-tried"),
]


@pytest.mark.parametrize(("nodes", "tried", "decision"), [row[1:] for row in TABLE],
                         ids=[row[0] for row in TABLE])  # fmt: skip
def test_route(nodes: tuple[NodeSnapshot, ...], tried: str, decision: str) -> None:
    assert check(*nodes, tried=tried) == decision


def test_order_of_the_nodes_does_not_matter() -> None:
    nodes = [node("c", in_flight=1), node("a", "refusing"), node("b", in_flight=1)]
    assert check(*nodes) == check(*reversed(nodes)) == "→b"


def test_no_route_says_why_for_each_node_and_when_to_come_back() -> None:
    nodes = [
        NodeSnapshot("a", "unauthorized", next_probe_at=NOW + 9, reason="wrong key"),
        NodeSnapshot("b", "unreachable", next_probe_at=NOW + 1.5),
    ]
    decision = route(RouteQuery(), nodes, "fast", NOW)
    assert isinstance(decision, NoRoute)
    assert decision.message == "a is unauthorized: wrong key; b is unreachable"
    assert decision.retry_after_s == 1.5


def test_no_route_because_of_breakers_says_when_the_first_is_probed() -> None:
    decision = route(RouteQuery(), [left_alone("a"), node("b", "unreachable")], "fast", NOW)
    assert isinstance(decision, NoRoute)
    assert decision.retry_after_s == 7
    assert "left alone after failures, to be probed in 7 s" in decision.message


def test_decision_over_hundreds_of_nodes_is_kept_with_those_that_came_nearest() -> None:
    nodes = [NodeSnapshot(f"n{at}", "ready", in_flight=at) for at in range(300)]
    taken = route(RouteQuery(), [NodeSnapshot("gone", "unreachable"), *nodes], "fast", 0.0)
    kept = shortened(taken)
    assert len(taken.considered) == 301
    assert [each.node for each in kept.considered[:2]] == ["n0", "n1"]
    assert len(kept.considered) == CONSIDERED_KEPT
    assert shortened(kept) == kept

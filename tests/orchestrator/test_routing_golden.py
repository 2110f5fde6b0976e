"""Routing over whole pools, as tables in text: tests/golden/routing/POOL.txt describes the nodes,
and below its rule what each request of REQUESTS gets there. `python -m
tests.orchestrator.test_routing_golden` writes the lower half anew, to be read before it is kept.
"""

from pathlib import Path

import pytest

from orchestrator.core.prediction import NodeSpeeds, Work
from orchestrator.core.routing import (
    Considered,
    Knowledge,
    Mode,
    NoRoute,
    RouteQuery,
    route,
)
from orchestrator.core.snapshot import NodeSnapshot, State
from orchestrator.core.speeds import Ratio, Speed
from orchestrator.core.tiers import DEFAULT_TIERS

FOLDER = Path(__file__).parents[1] / "golden" / "routing"
POOLS = ("seeds_two_nodes", "ten_mixed_nodes", "models_in_memory")
RULE = "=" * 100
NOW = 1000.0
MODES: tuple[Mode, ...] = ("fast", "reliable", "async")

SHORT, LONG = Work(350, 32), Work(14_000, 64)
CODE = tuple(DEFAULT_TIERS["code"])
REQUESTS: list[tuple[str, RouteQuery]] = [
    ("a short prompt", RouteQuery(work=SHORT)),
    ("a long prompt", RouteQuery(work=LONG)),
    ("a long prompt of a document", RouteQuery(work=Work(14_000, 64, "doc"))),
    ("qwen2.5-coder:1.5b", RouteQuery(work=SHORT, models=("qwen2.5-coder:1.5b",))),
    ("qwen3:14b", RouteQuery(work=SHORT, models=("qwen3:14b",))),
    ("llama3.1:70b", RouteQuery(work=SHORT, models=("llama3.1:70b",))),
    ("tier code", RouteQuery(work=SHORT, models=CODE)),
    ("tier code within 2 s", RouteQuery(work=SHORT, models=CODE, in_s=2.0)),
    ("tier light", RouteQuery(work=SHORT, models=tuple(DEFAULT_TIERS["light"]))),
]


def parse_node(line: str) -> NodeSnapshot:
    name, state, own, others, rates, flags = (cell.strip() for cell in line.split("|"))
    given = dict(flag.partition("=")[::2] for flag in flags.split())
    busy = int(given.get("busy", 0))
    state_of: dict[str, State] = {"ready": "ready", "loading": "loading"}
    return NodeSnapshot(
        name,
        state_of.get(state, "unreachable"),
        in_flight=busy,
        breaker="open" if "open" in given else "closed",
        breaker_probe_at=NOW + 8,
        models=(own, *others.split()),
        unfit=frozenset(filter(None, given.get("unfit", "").split(","))),
        has_gpu="gpu" in given,
        speeds=NodeSpeeds(
            own,
            {} if "-" in rates else {own: speed(rates, float(given.get("success", 1.0)))},
            {given["lane"]: own} if "lane" in given else {},
            loaded=frozenset(filter(None, given.get("loaded", "").split(","))),
            is_cold="cold" in given,
            backlog_s=1.5 * busy,
            has_gpu="gpu" in given,
        ),
    )


def speed(rates: str, success: float) -> Speed:
    prefill, decode, load_s = (float(rate) for rate in rates.split())
    return Speed(
        prefill=Ratio(prefill, 1.0),
        decode=Ratio(decode, 1.0),
        load=Ratio(load_s, 1.0),
        success=Ratio(success, 1.0),
    )


def read_pool(text: str) -> list[NodeSnapshot]:
    lines = [line for line in text.splitlines() if "|" in line and not line.startswith("#")]
    return [parse_node(line) for line in lines[1:]]


def render(nodes: list[NodeSnapshot]) -> str:
    fastest: dict[bool, dict[str, Speed]] = {False: {}, True: {}}
    for node in sorted(nodes, key=lambda each: each.speed.decode.value() or 0.0):
        fastest[node.has_gpu].update(node.speeds.speeds)
    known = Knowledge(fastest[False], fastest[True])
    lines = []
    for words, query in REQUESTS:
        lines.append(words)
        for mode in MODES:
            decision = route(query, nodes, mode, NOW, known)
            chosen = decision.reason if isinstance(decision, NoRoute) else decision.node
            ranked = sorted(
                (each for each in decision.considered if each.is_candidate),
                key=lambda each: (each.score, each.node),
            )
            lines.append(f"    {mode:8} → {chosen:7} {'  '.join(map(shown, ranked))}".rstrip())
    return "\n".join(lines)


def shown(each: Considered) -> str:
    """Return a node, the size of its model, and its seconds to the first token and to the end."""
    assert each.prediction is not None
    model = f":{each.model.partition(':')[2]}" if each.model else ""
    times = f"{each.prediction.first_token_s:.1f}/{each.prediction.total_s:.1f}"
    return f"{each.node}{model} {times}"


@pytest.mark.parametrize("pool", POOLS)
def test_pool_routes_as_its_table_says(pool: str) -> None:
    upper, _, lower = (FOLDER / f"{pool}.txt").read_text(encoding="utf-8").partition(RULE)
    assert render(read_pool(upper)).splitlines() == lower.strip().splitlines()


def rewrite() -> None:
    for pool in POOLS:
        path = FOLDER / f"{pool}.txt"
        upper = path.read_text(encoding="utf-8").partition(RULE)[0].rstrip()
        path.write_text(f"{upper}\n\n{RULE}\n{render(read_pool(upper))}\n", encoding="utf-8")


if __name__ == "__main__":
    rewrite()

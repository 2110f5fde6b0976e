"""A large pool on a fake clock: what a decision costs, and whether the right requests are served.

    python -m benchmarks.large_pool                              5,000 editors, 300 nodes
    python -m benchmarks.large_pool --editors 500 --nodes 30     a smaller one
    python -m benchmarks.large_pool --json                       the figures as JSON

The orchestrator's own admission and routing decide over simulated nodes of known, very different
speeds; nothing waits, so that a minute of thousands of editors takes seconds. Beside it, in the
same run and with the same arrivals, a queue that gives whoever came first to whichever node has
been idle for longest.
"""

import argparse
import json
import random
import statistics
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from heapq import heapify, heappop, heappush

from rich.console import Console
from rich.table import Table

from orchestrator.core.admission import Admission, AdmissionLimits, Admit, Arrival, Queue, Shed
from orchestrator.core.prediction import NodeSpeeds, Work
from orchestrator.core.routing import Route, RouteQuery, route
from orchestrator.core.snapshot import NodeSnapshot
from orchestrator.core.speeds import Ratio, Speed

MODEL = "qwen2.5-coder:1.5b"
PROMPT_TOKENS, CHARS_PER_TOKEN, TOKENS = 120, 3.5, 16  # what is new of a prompt, and one line
SLOWEST, FASTEST = 2.0, 50.0  # tokens per second: a Pi, and a card of some years ago
PREFILL_OVER_DECODE = 6.0
DEADLINE_S = 8.0
LOADS = (0.5, 1.0, 2.0, 5.0)
WORK = Work(round(PROMPT_TOKENS * CHARS_PER_TOKEN), TOKENS)


@dataclass
class Node:
    """A machine that serves one request after the other."""

    name: str
    decode_tokens_per_s: float
    free_at: float = 0.0
    in_flight: int = 0

    @property
    def service_s(self) -> float:
        """How long it takes for one."""
        prefill_s = PROMPT_TOKENS / (PREFILL_OVER_DECODE * self.decode_tokens_per_s)
        return prefill_s + TOKENS / self.decode_tokens_per_s

    def snapshot(self, now: float) -> NodeSnapshot:
        """Return what routing sees, as a pool that has measured it would."""
        backlog_s = max(0.0, self.free_at - now)
        speeds = NodeSpeeds(MODEL, {MODEL: self._speed}, backlog_s=backlog_s)
        return NodeSnapshot(
            self.name, "ready", in_flight=self.in_flight, models=(MODEL,), speeds=speeds
        )

    def __post_init__(self) -> None:
        self._speed = Speed(
            prefill=Ratio(PREFILL_OVER_DECODE * self.decode_tokens_per_s, 1.0),
            decode=Ratio(self.decode_tokens_per_s, 1.0),
            used_of_max=Ratio(1.0, 1.0),
            chars_per_token=Ratio(CHARS_PER_TOKEN, 1.0),
        )

    def serve(self, now: float) -> float:
        """Take one more; return when it will be complete."""
        self.in_flight += 1
        self.free_at = max(now, self.free_at) + self.service_s
        return self.free_at


@dataclass
class Outcome:
    """What became of all requests, and the seconds of processor that each decision took."""

    in_time: int = 0
    late: int = 0
    refused: int = 0
    superseded: int = 0
    admission_s: list[float] = field(default_factory=list)
    routing_s: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    """One load; shares of what the nodes that are fast enough could serve."""

    load: float
    requests: int
    share_in_time: float
    share_fifo: float
    late: int
    refused: int
    admission_median_us: float
    admission_p95_us: float
    routing_median_us: float
    routing_p95_us: float


def machines(count: int, chance: random.Random) -> list[Node]:
    speeds = [SLOWEST * (FASTEST / SLOWEST) ** chance.random() for _ in range(count)]
    return [Node(f"node{at}", speed) for at, speed in enumerate(speeds)]


def capacity(nodes: Sequence[Node]) -> float:
    """Return how many requests a second could be in time, if each came when a node is free."""
    return sum(1 / node.service_s for node in nodes if node.service_s <= DEADLINE_S)


def arrivals(
    editors: int, rate: float, seconds: float, chance: random.Random
) -> list[tuple[float, int]]:
    """Return when which editor asks: each by itself, at the same rate."""
    asked: list[tuple[float, int]] = []
    at = 0.0
    while (at := at + chance.expovariate(rate)) < seconds:
        asked.append((at, chance.randrange(editors)))
    return asked


class Simulation:
    """The pool under its own admission and routing."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._nodes = {node.name: node for node in nodes}
        limits = AdmissionLimits(max_concurrent=len(nodes), max_queued=2 * len(nodes))
        self._admission = Admission(limits)
        self._running: dict[str, str] = {}
        self._deadlines: dict[str, float] = {}
        self._ends: list[tuple[float, str]] = []
        self.outcome = Outcome()

    def run(self, asked: Sequence[tuple[float, int]]) -> Outcome:
        """Let all arrive, and all end."""
        for number, (at, editor) in enumerate(asked):
            self._until(at)
            self._arrive(f"{number}", f"editor{editor}", at)
        self._until(float("inf"))
        return self.outcome

    def _until(self, now: float) -> None:
        while self._ends and self._ends[0][0] <= now:
            at, request = heappop(self._ends)
            name = self._running.pop(request, None)
            if name is None:
                continue
            self._nodes[name].in_flight -= 1
            if at <= self._deadlines[request]:
                self.outcome.in_time += 1
            else:
                self.outcome.late += 1
            self._leave(request, at)

    def _arrive(self, request: str, editor: str, now: float) -> None:
        self._deadlines[request] = now + DEADLINE_S
        chosen = self._choose(request, now)
        service_s = None if chosen.prediction is None else chosen.prediction.service_s
        arrival = Arrival(request, now + DEADLINE_S, (editor, "a.py"), service_s=service_s)
        match self._timed(lambda: self._admission.arrive(arrival, now)):
            case Admit(superseded):
                self._supersede(superseded, now)
                self._begin(request, now)
            case Queue(_, superseded, displaced):
                self.outcome.superseded += superseded is not None
                self.outcome.refused += displaced is not None
            case Shed():
                self.outcome.refused += 1

    def _leave(self, request: str, now: float) -> None:
        turn = self._admission.leave(request, now)
        self.outcome.refused += len(turn.expired)
        for admitted in turn.admitted:
            self._begin(admitted, now)

    def _supersede(self, request: str | None, now: float) -> None:
        """End one whose editor has asked again: its node is free at once."""
        name = None if request is None else self._running.pop(request, None)
        if name is not None:
            self.outcome.superseded += 1
            node = self._nodes[name]
            node.in_flight -= 1
            node.free_at = now

    def _begin(self, request: str, now: float) -> None:
        name = self._choose(request, now).node
        self._running[request] = name
        heappush(self._ends, (self._nodes[name].serve(now), request))

    def _choose(self, request: str, now: float) -> Route:
        query = RouteQuery(work=WORK, in_s=self._deadlines[request] - now)
        snapshots = [node.snapshot(now) for node in self._nodes.values()]
        begun = time.process_time()
        chosen = route(query, snapshots, "fast", now)
        self.outcome.routing_s.append(time.process_time() - begun)
        assert isinstance(chosen, Route)
        return chosen

    def _timed(self, decide: Callable[[], Admit | Queue | Shed]) -> Admit | Queue | Shed:
        begun = time.process_time()
        decision = decide()
        self.outcome.admission_s.append(time.process_time() - begun)
        return decision


def fifo(nodes: Sequence[Node], asked: Sequence[tuple[float, int]]) -> int:
    """Return how many are in time when each waits for the node that is free first."""
    free = [(0.0, at) for at in range(len(nodes))]
    heapify(free)
    in_time = 0
    waiting = deque(asked)
    while waiting:
        at, _ = waiting.popleft()
        free_at, which = heappop(free)
        end = max(at, free_at) + nodes[which].service_s
        in_time += end - at <= DEADLINE_S
        heappush(free, (end, which))
    return in_time


def measure(editors: int, count: int, load: float, seconds: float) -> Row:
    chance = random.Random(count)  # noqa: S311 - the same pool in each run
    nodes = machines(count, chance)
    could_serve = capacity(nodes)
    asked = arrivals(editors, load * could_serve, seconds, chance)
    outcome = Simulation(nodes).run(asked)
    possible = min(float(len(asked)), could_serve * (seconds + DEADLINE_S))
    return Row(
        load,
        len(asked),
        outcome.in_time / possible,
        fifo(nodes, asked) / possible,
        outcome.late,
        outcome.refused,
        *microseconds(outcome.admission_s),
        *microseconds(outcome.routing_s),
    )


def microseconds(seconds: Sequence[float]) -> tuple[float, float]:
    """Return median and 95th percentile."""
    ordered = sorted(seconds)
    return statistics.median(ordered) * 1e6, ordered[int(0.95 * len(ordered))] * 1e6


def table(rows: Sequence[Row], title: str) -> Table:
    drawn = Table("load", "requests", "in time", "plain FIFO", "late", "refused", title=title)
    drawn.add_column("admission, µs (p95)")
    drawn.add_column("routing, µs (p95)")
    for row in rows:
        drawn.add_row(
            f"{row.load:g} times",
            str(row.requests),
            f"{row.share_in_time:.0%}",
            f"{row.share_fifo:.0%}",
            str(row.late),
            str(row.refused),
            f"{row.admission_median_us:.0f} ({row.admission_p95_us:.0f})",
            f"{row.routing_median_us:.0f} ({row.routing_p95_us:.0f})",
        )
    return drawn


def main() -> None:
    """Simulate, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--editors", type=int, default=5000)
    parser.add_argument("--nodes", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=20.0, help="of simulated time")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    given = parser.parse_args()
    rows = [measure(given.editors, given.nodes, load, given.seconds) for load in LOADS]
    if given.json:
        print(json.dumps([asdict(row) for row in rows]))
    else:
        title = f"{given.editors} editors, {given.nodes} nodes, deadline {DEADLINE_S:.0f} s"
        Console().print(table(rows, title))


if __name__ == "__main__":
    main()

"""The orchestrator's own cost: time added to the first token, and memory that does not grow.

    python -m benchmarks.overhead                 a table, with a direct connection beside it
    python -m benchmarks.overhead --json          the figures as JSON
    python -m benchmarks.overhead --requests 500  a shorter memory run

A fake node streams at 50 tokens a second. It is asked directly and through a real orchestrator, in
turns, by 2, 16 and 64 clients that each start the next stream when the last has ended, each time
with another prompt; what is added to the median and to the 95th percentile of the first token is
the orchestrator's. Exit status 1 when a limit is missed. Run it on a machine that is otherwise
quiet: client, node and orchestrator share its cores.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.overload import quantile
from benchmarks.plain_http import Answer, Connection
from tests.e2e.processes import Service, isolated, service
from tests.fakes.behaviours import ok
from tests.fakes.node import FakeNode
from tests.fakes.pacing import Rates

TURNS = 2
ANSWERS = 64  # of each turn, over all connections
PREFILL_TOKENS_PER_S, DECODE_TOKENS_PER_S = 3000.0, 50.0  # the fast end of what this is for
TOKENS = 24
STREAM_S = TOKENS / DECODE_TOKENS_PER_S
STREAMS: dict[int, tuple[float, float] | None] = {2: (2.0, 5.0), 16: (6.0, 25.0), 64: None}
IDLE_MB, GROWTH_MB = 80.0, 5.0
MEGABYTE = 1_000_000
NUMBERS = count()
PROMPT = "x = 1\n" * 40


@dataclass(frozen=True)
class Figure:
    """A measured value beside its limit, and what was measured beside it."""

    name: str
    value: float
    limit: float | None
    unit: str
    beside: str

    @property
    def holds(self) -> bool:
        """Whether the limit is kept."""
        return self.limit is None or self.value <= self.limit


async def connect(
    stack: AsyncExitStack, number: int, url: str, headers: Mapping[str, str]
) -> list[Connection]:
    """Open connections, which `stack` closes."""
    made = [Connection(url, headers) for _ in range(number)]
    return [await stack.enter_async_context(each) for each in made]


def request() -> dict[str, object]:
    """Return a request that was never made before: its answer is not known."""
    return {"prompt": f"{PROMPT}y = {next(NUMBERS)}\n", "max_tokens": TOKENS, "stream": True}


async def burst(connections: Sequence[Connection], path: str) -> list[Answer]:
    """Ask on all connections at once."""
    return await asyncio.gather(*(connection.ask(path, request()) for connection in connections))


async def stream_on(connections: Sequence[Connection], path: str) -> list[Answer]:
    """Keep all connections streaming, each on its own time; return all answers."""
    chance = random.Random(len(connections))  # noqa: S311 - the same starts in each run
    pauses = [chance.uniform(0, STREAM_S) for _ in connections]

    async def keep_streaming(connection: Connection, pause_s: float) -> list[Answer]:
        await asyncio.sleep(pause_s)
        return [await connection.ask(path, request()) for _ in range(per_connection)]

    per_connection = max(4, ANSWERS // len(connections))
    asking = (keep_streaming(*each) for each in zip(connections, pauses, strict=True))
    return [answer for answers in await asyncio.gather(*asking) for answer in answers]


async def measure_streams(node: FakeNode, orchestrator: Service, streams: int) -> list[Figure]:
    """Ask directly and through the orchestrator, in turns."""
    direct_ms: list[float] = []
    through_ms: list[float] = []
    errors = 0
    async with AsyncExitStack() as stack:
        direct = await connect(stack, streams, node.url, {})
        through = await connect(stack, streams, orchestrator.url, orchestrator.headers)
        await burst(through[:2], "/v1/complete")
        for _ in range(TURNS):
            directly = await stream_on(direct, "/v1/inference")
            answers = await stream_on(through, "/v1/complete")
            errors += sum(b'"done":true' not in each.body for each in answers)
            direct_ms += [(each.first_token_s or 0.0) * 1000 for each in directly]
            through_ms += [(each.first_token_s or 0.0) * 1000 for each in answers]
    return figures_of(streams, direct_ms, through_ms, errors)


def figures_of(
    streams: int, direct_ms: Sequence[float], through_ms: Sequence[float], errors: int
) -> list[Figure]:
    limits = STREAMS[streams] or (None, None)
    figures = [Figure(f"{streams} streams: errors", errors, 0, "", f"{len(through_ms)} streams")]
    for words, share, limit in (("median", 0.5, limits[0]), ("p95", 0.95, limits[1])):
        direct, through = quantile(direct_ms, share), quantile(through_ms, share)
        beside = f"direct {direct:.1f} ms, through {through:.1f} ms"
        name = f"{streams} streams: added to the first token, {words}"
        figures.append(Figure(name, through - direct, limit, "ms", beside))
    return figures


async def measure_memory(orchestrator: Service, idle_mb: float, requests: int) -> list[Figure]:
    """Ask many times; the second half must not need more than the first."""
    at_half_mb = 0.0
    async with AsyncExitStack() as stack:
        connections = await connect(stack, 8, orchestrator.url, orchestrator.headers)
        for at in range(0, requests, len(connections)):
            await burst(connections, "/v1/complete")
            if at <= requests // 2:
                at_half_mb = resident_mb(orchestrator)
    end_mb = resident_mb(orchestrator)
    return [
        Figure("resident, idle", idle_mb, IDLE_MB, "MB", "after the start"),
        Figure(
            f"grown over the second half of {requests} requests",
            end_mb - at_half_mb,
            GROWTH_MB,
            "MB",
            f"idle {idle_mb:.1f}, half {at_half_mb:.1f}, end {end_mb:.1f} MB",
        ),
    ]


def resident_mb(running: Service) -> float:
    return psutil.Process(running.child.pid).memory_info().rss / MEGABYTE


@asynccontextmanager
async def running_service() -> AsyncIterator[tuple[FakeNode, Service]]:
    """Run the fake node here, and an orchestrator that takes 64 at once as a process."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        node = await stack.enter_async_context(FakeNode())
        environment = {
            **isolated(Path(folder)),
            "CEREBRUM_NODE_KEY": "",
            "CEREBRUM_ORCHESTRATOR_MAX_CONCURRENT": "64",
            "CEREBRUM_ORCHESTRATOR_CACHE_BYTES": "",  # as it is by default
        }
        key = "CEREBRUM_ORCHESTRATOR_KEY"
        orchestrator = await stack.enter_async_context(
            service("orchestrator", "--node", node.url, key_name=key, environment=environment)
        )
        yield node, orchestrator


async def measure(requests: int) -> list[Figure]:
    """Measure everything, one thing at a time."""
    async with running_service() as (node, orchestrator):
        await asyncio.sleep(2.0)  # started, probed, and at rest
        idle_mb = resident_mb(orchestrator)
        node.behaviour = ok(
            ["x"] * TOKENS, Rates(PREFILL_TOKENS_PER_S, DECODE_TOKENS_PER_S), is_timed=True
        )
        figures = []
        for streams in STREAMS:
            figures += await measure_streams(node, orchestrator, streams)
        node.behaviour = ok(["x"] * TOKENS)
        return figures + await measure_memory(orchestrator, idle_mb, requests)


def as_json(figures: Sequence[Figure]) -> str:
    return json.dumps([{**asdict(figure), "holds": figure.holds} for figure in figures])


def table(figures: Sequence[Figure], title: str = "The orchestrator's own cost") -> Table:
    drawn = Table("what", "measured", "limit", "", "beside it", title=title)
    for each in figures:
        drawn.add_row(
            each.name,
            f"{each.value:.1f} {each.unit}",
            "" if each.limit is None else f"{each.limit:.0f} {each.unit}",
            "ok" if each.holds else "[red]missed[/]",
            each.beside,
        )
    return drawn


def main() -> None:
    """Measure, print, and say by the exit status whether all limits are kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--requests", type=int, default=10_000, help="of the memory run")
    arguments = parser.parse_args()
    figures = asyncio.run(measure(arguments.requests))
    if arguments.json:
        print(as_json(figures))
    else:
        Console().print(table(figures))
    sys.exit(0 if all(figure.holds for figure in figures) else 1)


if __name__ == "__main__":
    main()

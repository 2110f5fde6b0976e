"""Hedging: how soon the loser's slot is free, what asking twice adds to the load, what it gains.

    python -m benchmarks.hedging                   a table, beside it the same without hedging
    python -m benchmarks.hedging --json            the figures as JSON
    python -m benchmarks.hedging --requests 300    a shorter run

Two fake nodes answer at once, but are late with every fortieth request, as a machine is that swaps.
A real orchestrator asks them; another one, which hedges nothing, gets the same requests. What is
counted is what the nodes see: requests that reach them, and the time from the winner's first token
to the end of the loser's connection, which frees its slot. Exit status 1 when a limit is missed.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console

from benchmarks.figures import quantile
from benchmarks.overhead import Figure, table
from benchmarks.plain_http import Connection
from node_backend.wire import InferenceRequest
from tests.e2e.processes import isolated, service
from tests.fakes.behaviours import done_event
from tests.fakes.exchange import Exchange
from tests.fakes.node import FakeNode

LATE_EVERY, LATE_S = 40, 0.5
FREE_MS, EXTRA_PERCENT = 100.0, 5.0


@dataclass
class Seen:
    """What the nodes saw of one run, and the caller of its first tokens."""

    late: frozenset[str]
    asked: int = 0
    first_tokens_at: dict[str, float] = field(default_factory=dict)
    left_at: dict[str, float] = field(default_factory=dict)
    first_token_ms: list[float] = field(default_factory=list)

    @property
    def freed_ms(self) -> list[float]:
        """Milliseconds from the winner's first token to the loser's end, of each that had both."""
        both = self.left_at.keys() & self.first_tokens_at.keys()
        return [(self.left_at[each] - self.first_tokens_at[each]) * 1000 for each in both]

    async def behave(self, exchange: Exchange, request: InferenceRequest) -> None:
        """Answer; whoever gets a late one first is late with it, the other one is not."""
        name = request.prompt or ""
        self.asked += 1
        await exchange.begin_stream()
        if name in self.late:
            self.late -= {name}
            try:
                await asyncio.sleep(LATE_S)
            except asyncio.CancelledError:  # as the fake node ends an answer that nobody awaits
                self.left_at[name] = time.perf_counter()
                raise
        self.first_tokens_at[name] = time.perf_counter()
        await exchange.send_event({"token": "x", "total_tokens": 1})
        await exchange.send_event(done_event(len(name) // 4, 1))
        await exchange.end_stream()


async def ask_all(names: list[str], hedge_share: float) -> Seen:
    """Ask one after the other, through an orchestrator of its own."""
    seen = Seen(frozenset(names[LATE_EVERY::LATE_EVERY]))
    async with pool(seen, hedge_share) as connection:
        for name in names:
            request = {"prompt": name, "max_tokens": 1, "stream": True}
            answer = await connection.ask("/v1/complete", request)
            assert answer.first_token_s is not None, answer.body
            seen.first_token_ms.append(answer.first_token_s * 1000)
    return seen


@asynccontextmanager
async def pool(seen: Seen, hedge_share: float) -> AsyncIterator[Connection]:
    """Run two fake nodes here, and an orchestrator on them as a process."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **isolated(Path(folder)),
            "CEREBRUM_NODE_KEY": "",
            "CEREBRUM_ORCHESTRATOR_HEDGE_SHARE": str(hedge_share),
        }
        async with FakeNode() as one, FakeNode() as other:
            one.behaviour = other.behaviour = seen.behave
            urls = [argument for node in (one, other) for argument in ("--node", node.url)]
            async with (
                service(
                    "orchestrator",
                    *urls,
                    key_name="CEREBRUM_ORCHESTRATOR_KEY",
                    environment=environment,
                ) as running,
                Connection(running.url, running.headers) as connection,
            ):
                yield connection


def figures_of(hedged: Seen, plain: Seen, requests: int) -> list[Figure]:
    """Return what is to be said."""
    extra, freed_ms = hedged.asked - requests, hedged.freed_ms
    assert freed_ms, "nothing was hedged"
    late = f"{quantile(plain.first_token_ms, 0.98):.1f} ms without"
    return [
        Figure(
            "added to the load",
            100 * extra / requests,
            EXTRA_PERCENT,
            "%",
            f"{extra} of {requests} requests were asked of two nodes",
        ),
        Figure(
            "the loser's slot is free after, p95",
            quantile(freed_ms, 0.95),
            FREE_MS,
            "ms",
            f"median {quantile(freed_ms, 0.5):.1f} ms, of {len(freed_ms)}",
        ),
        Figure("first token, p98", quantile(hedged.first_token_ms, 0.98), None, "ms", late),
    ]


async def measure(requests: int) -> list[Figure]:
    """Measure with hedging, and without."""
    names = [f"x = {at}\n" for at in range(requests)]
    hedged, plain = await ask_all(names, EXTRA_PERCENT / 100), await ask_all(names, 0.0)
    return figures_of(hedged, plain, requests)


def main() -> None:
    """Measure, print, and say by the exit status whether all limits are kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--requests", type=int, default=1000)
    arguments = parser.parse_args()
    figures = asyncio.run(measure(arguments.requests))
    if arguments.json:
        print(json.dumps([{**asdict(figure), "holds": figure.holds} for figure in figures]))
    else:
        Console().print(table(figures, "Hedging"))
    sys.exit(0 if all(figure.holds for figure in figures) else 1)


if __name__ == "__main__":
    main()

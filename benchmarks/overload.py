"""Overload: what is served in time at 1, 2, 5 and 10 times of what the nodes can do.

    python -m benchmarks.overload             a table, with a plain FIFO queue beside it
    python -m benchmarks.overload --json      the figures as JSON

Two fake nodes answer one request at a time at a known rate; what they can serve is measured first,
with as many clients as nodes. Then requests with a deadline arrive evenly, once at a real
orchestrator and once at a queue that takes everybody in turn, in the same run. Last, 500 clients
push while the pool is full, and come back when they are told to: how long does a no take?

Exit status 1 when less than 95 % of what could be served was served in time, or a refusal's 95th
percentile is over 20 ms.
"""

import argparse
import asyncio
import itertools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.plain_http import Answer, Connection
from tests.e2e.processes import Service, isolated, service
from tests.fakes.behaviours import ok, one_at_a_time
from tests.fakes.node import FakeNode
from tests.fakes.pacing import Rates

NODES = 2
TOKENS = 8
PREFILL_TOKENS_PER_S, DECODE_TOKENS_PER_S = 500.0, 40.0
PROMPT = "x = 1\n" * 67  # 100 tokens as the fake counts: 0.2 s, and as long for eight of its tokens
DEADLINE_S = 2.0
LEVELS = (1, 2, 5, 10)
WINDOW_S = 16.0  # after DEADLINE_S of the same load, so that queues are as full as they get
SHARE = 0.95
REFUSAL_MS = 20.0
PUSHERS = 500


@dataclass(frozen=True)
class Level:
    """What came of one level of load; all per second but the shares and milliseconds."""

    times_capacity: int
    offered: float
    could_serve: float
    served_in_time: float
    fifo_in_time: float
    refused: int
    refusal_p95_ms: float

    @property
    def share(self) -> float:
        """The share of what could be served that was."""
        return self.served_in_time / self.could_serve


def request(deadline_s: float | None) -> dict[str, object]:
    asked: dict[str, object] = {"prompt": PROMPT, "max_tokens": TOKENS}
    return asked if deadline_s is None else {**asked, "deadline_ms": round(deadline_s * 1000)}


class Callers:
    """Connections to one service, taken and given back."""

    def __init__(self, url: str, path: str, headers: dict[str, str]) -> None:
        self._url, self._path, self._headers = url, path, headers
        self._idle: list[Connection] = []
        self._stack = AsyncExitStack()

    async def ask(self, deadline_s: float | None) -> Answer:
        """Ask on an idle connection, or on a new one."""
        connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = Connection(self._url, self._headers)
            await self._stack.enter_async_context(connection)
        answer = await connection.ask(self._path, request(deadline_s))
        self._idle.append(connection)
        return answer

    async def aclose(self) -> None:
        """Close all of them."""
        await self._stack.aclose()


async def capacity(nodes: Sequence[FakeNode], seconds: float = 6.0) -> float:
    """Measure what the nodes serve in a second when each always has one request."""
    served = 0
    ends_at = time.perf_counter() + seconds

    async def keep_busy(node: FakeNode) -> None:
        nonlocal served
        async with Connection(node.url, {}) as connection:
            while time.perf_counter() < ends_at:
                await connection.ask("/v1/inference", {**request(None), "stream": True})
                served += 1

    begun = time.perf_counter()
    await asyncio.gather(*(keep_busy(node) for node in nodes))
    return served / (time.perf_counter() - begun)


async def arrive(rate: float, ask: Callable[[], Awaitable[Answer]]) -> list[Answer]:
    """Let requests arrive evenly at `rate` for a window; return all answers."""
    begun, asking = time.perf_counter(), []
    for at in range(round(rate * (DEADLINE_S + WINDOW_S + DEADLINE_S))):
        await asyncio.sleep(max(0.0, begun + at / rate - time.perf_counter()))
        asking.append(asyncio.create_task(_timed(ask, begun)))
    return await asyncio.gather(*asking)


async def _timed(ask: Callable[[], Awaitable[Answer]], since: float) -> Answer:
    begun = time.perf_counter()
    answer = await ask()
    ended = time.perf_counter()
    answer.total_s, answer.ended_s = ended - begun, ended - since
    return answer


def in_time(answers: Sequence[Answer]) -> float:
    """Return the completions inside their deadline, per second of the window."""
    window = [each for each in answers if 0 <= each.ended_s - DEADLINE_S < WINDOW_S]
    good = sum(each.status == 200 and each.total_s <= DEADLINE_S for each in window)
    return good / WINDOW_S


async def at_level(
    times: int, could_serve: float, pool: Callers, fifo: Callable[[], Awaitable[Answer]]
) -> Level:
    rate = times * could_serve
    answers = await arrive(rate, lambda: pool.ask(DEADLINE_S))
    refused = [each for each in answers if each.status == 503]
    return Level(
        times,
        rate,
        could_serve,
        in_time(answers),
        in_time(await arrive(rate, fifo)),
        len(refused),
        quantile([each.total_s * 1000 for each in refused], 0.95),
    )


def plain_fifo(nodes: Sequence[FakeNode]) -> tuple[Callable[[], Awaitable[Answer]], AsyncExitStack]:
    """Return a queue that serves everybody in turn, and what closes it."""
    turns: asyncio.Queue[Callers] = asyncio.Queue()
    stack = AsyncExitStack()
    for node in nodes:
        callers = Callers(node.url, "/v1/inference", {})
        stack.push_async_callback(callers.aclose)
        turns.put_nowait(callers)

    async def ask() -> Answer:
        waited_from = time.perf_counter()
        node = await turns.get()
        try:
            if time.perf_counter() - waited_from > 10 * DEADLINE_S:
                return Answer()  # late by any measure; spares the nodes and the reader
            return await node.ask(None)
        finally:
            turns.put_nowait(node)

    return ask, stack


async def push(orchestrator: Service, pool: Callers) -> tuple[list[float], int]:
    """Let 500 clients push against a full pool; return the milliseconds of each no, and errors."""
    refusals: list[float] = []
    errors = 0
    ends_at = time.perf_counter() + WINDOW_S

    async def pusher(number: int) -> None:
        nonlocal errors
        async with Connection(orchestrator.url, orchestrator.headers) as connection:
            await asyncio.sleep(number / PUSHERS * 2.0)
            while time.perf_counter() < ends_at:
                answer = await connection.ask("/v1/complete", request(DEADLINE_S))
                if answer.status == 503:
                    refusals.append(answer.total_s * 1000)
                    await asyncio.sleep(float(answer.headers["retry-after"]))
                elif answer.status not in (200, 504):
                    errors += 1

    await asyncio.gather(*(pusher(number) for number in range(PUSHERS)))
    return refusals, errors


def quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values) or [0.0]
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@asynccontextmanager
async def running() -> AsyncIterator[tuple[Sequence[FakeNode], Service]]:
    """Run the fake nodes here, and an orchestrator as a process of its own."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        nodes = [await stack.enter_async_context(FakeNode()) for _ in range(NODES)]
        for node in nodes:
            pace = Rates(PREFILL_TOKENS_PER_S, DECODE_TOKENS_PER_S)
            node.behaviour = one_at_a_time(ok(["x"] * TOKENS, pace, is_timed=True))
        urls = itertools.chain.from_iterable(("--node", node.url) for node in nodes)
        environment = {**isolated(Path(folder)), "CEREBRUM_NODE_KEY": ""}
        orchestrator = await stack.enter_async_context(
            service(
                "orchestrator",
                *urls,
                key_name="CEREBRUM_ORCHESTRATOR_KEY",
                environment=environment,
            )
        )
        yield nodes, orchestrator


async def measure() -> tuple[list[Level], list[float], int]:
    """Measure everything, one level after the other."""
    async with running() as (nodes, orchestrator), AsyncExitStack() as stack:
        could_serve = await capacity(nodes)
        pool = Callers(orchestrator.url, "/v1/complete", orchestrator.headers)
        stack.push_async_callback(pool.aclose)
        for _ in range(6):  # what the nodes can do is found out first, as in a pool that has run
            await asyncio.gather(*(pool.ask(None) for _ in range(NODES)))
        fifo, closing = plain_fifo(nodes)
        await stack.enter_async_context(closing)
        levels = [await at_level(times, could_serve, pool, fifo) for times in LEVELS]
        refusals, errors = await push(orchestrator, pool)
        return levels, refusals, errors


def table(levels: Sequence[Level]) -> Table:
    columns = ("load", "offered/s", "could be served/s", "served in time/s", "share")
    beside = ("plain FIFO/s", "refused", "refusal p95")
    drawn = Table(*columns, *beside, title=f"Overload, deadline {DEADLINE_S:.0f} s")
    for each in levels:
        drawn.add_row(
            f"{each.times_capacity} times",
            f"{each.offered:.1f}",
            f"{each.could_serve:.2f}",
            f"{each.served_in_time:.2f}",
            f"{each.share:.0%}",
            f"{each.fifo_in_time:.2f}",
            str(each.refused),
            f"{each.refusal_p95_ms:.1f} ms",
        )
    return drawn


def main() -> None:
    """Measure, print, and say by the exit status whether the limits are kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    levels, refusals, errors = asyncio.run(measure())
    p50, p95 = statistics.median(refusals or [0.0]), quantile(refusals, 0.95)
    if arguments.json:
        figures = {"refusals": len(refusals), "p50_ms": p50, "p95_ms": p95, "errors": errors}
        print(json.dumps({"levels": [asdict(each) for each in levels], "pushing": figures}))
    else:
        Console().print(table(levels))
        print(
            f"{PUSHERS} clients pushing: {len(refusals)} refusals, median {p50:.1f} ms, "
            f"p95 {p95:.1f} ms (limit {REFUSAL_MS:.0f}), {errors} errors"
        )
    holds = all(each.share >= SHARE for each in levels) and p95 <= REFUSAL_MS and not errors
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    main()

"""A node in bad weather: thousands of requests, random cancels, killed engines; and what is left.

    python -m benchmarks.node_soak                              2,000 requests, 20 kills
    python -m benchmarks.node_soak --requests 200 --kills 3     a short one
    python -m benchmarks.node_soak --seed 7                     other chances
    python -m benchmarks.node_soak --json                       the figures as JSON

Four clients ask a real node with the bundled model, as streams and without, for completions of
random length; a third of them leave at a random moment. The engine is killed at random requests.
Then it is counted: every request that was not cancelled ended in exactly one terminal event, and
five seconds after all is over there is no busy slot, no waiting request, no descriptor and no
process more than before, and memory has not grown by more than 5 % since a tenth of the requests
had passed. Exit status 1 when any of this does not hold.
"""

import argparse
import asyncio
import os
import random
import signal
import statistics
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
from rich.console import Console

from benchmarks.overhead import Figure, as_json, table
from node_backend.wire import Stats
from tests.node_backend.nodes import NodeProcess, running_node
from tests.node_backend.waiting import POLL_S, until

CLIENTS = 4
CANCELLED_SHARE = 1 / 3
LONGEST_STAY_S = 0.4  # of those who leave early: some are queued by then, some decode
GROWTH_LIMIT = 0.05
SETTLED_SHARE = 0.1  # of the requests: caches are full and the allocator has its pools
SAMPLES = 20  # of memory, on the way
CLOSED_WITHIN_S = 5.0  # what is still there then has leaked
MB = 1_000_000
TASKS = "cerebrum_event_loop_tasks "
LEAKABLE = ("descriptors", "processes", "tasks")
SOURCE = Path(__file__).read_text()


@dataclass
class Tally:
    """What has been seen."""

    ends: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    """Requests that ended in no terminal event, or in more than one."""
    kills: int = 0
    node_bytes: list[int] = field(default_factory=list)


def request_of(chance: random.Random) -> dict[str, object]:
    """Return a request such as an editor sends: a place in a file, which differs a little."""
    at = chance.randrange(500, len(SOURCE) - 500)
    infill = {"prefix": SOURCE[max(0, at - 1200) : at], "suffix": SOURCE[at : at + 300]}
    document = f"document-{chance.randrange(6)}"
    return {"infill": infill, "max_tokens": chance.randrange(1, 48), "cache_key": document}


async def ask_streaming(node: NodeProcess, body: dict[str, object]) -> str:
    """Return how a stream ended: `done`, or the code of its error; exactly one event says it."""
    ends: list[dict[str, Any]] = []
    async with aclosing(node.stream(**body)) as events:
        async for _, data in events:
            if ends:
                return "fault: an event after the last"
            if data.get("done"):
                ends.append(data)
    if len(ends) != 1:
        return f"fault: {len(ends)} ends"
    return str(ends[0].get("error", "done"))


async def ask_plainly(node: NodeProcess, body: dict[str, object]) -> str:
    """Return how a request without streaming ended."""
    answer = await node.ask(**body)
    if answer.status_code == httpx.codes.OK:
        return "done" if "text" in answer.json() else "fault: no text"
    return str(answer.json()["error"]["code"])


async def one_request(node: NodeProcess, chance: random.Random, tally: Tally) -> None:
    """Ask once, and perhaps leave before the answer is there."""
    ask = ask_streaming if chance.random() < 0.7 else ask_plainly
    asking = asyncio.create_task(ask(node, request_of(chance)))
    stay_s = chance.uniform(0, LONGEST_STAY_S) if chance.random() < CANCELLED_SHARE else None
    await asyncio.wait({asking}, timeout=stay_s)
    if not asking.done():
        asking.cancel()
    try:
        end = await asking
    except asyncio.CancelledError:
        end = "cancelled"
    except (httpx.HTTPError, AssertionError) as error:
        end = f"fault: {type(error).__name__} {error}"
    tally.ends[end.partition(":")[0]] += 1
    if end.startswith("fault"):
        tally.faults.append(end)


async def kill_engine(node: NodeProcess, tally: Tally) -> None:
    """Kill the engine as the kernel does when memory runs out; one that restarts is waited for."""

    async def is_killed() -> bool:
        pid = (await node.stats()).engine_pid
        if pid is None:
            return False
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    await until(is_killed)
    tally.kills += 1


async def weather(
    node: NodeProcess, requests: int, kills: int, seed: int
) -> AsyncIterator[tuple[int, Tally]]:
    """Send all requests from a few clients; yield now and then, with how many have ended."""
    chance = random.Random(seed)  # noqa: S311 - the same weather in each run
    tally, left = Tally(), iter(range(requests))
    doomed = set(chance.sample(range(requests), kills))
    ended = 0

    async def client(own: random.Random) -> None:
        nonlocal ended
        for number in left:
            if number in doomed:
                await kill_engine(node, tally)
            await one_request(node, own, tally)
            ended += 1

    clients = [
        asyncio.create_task(client(random.Random(chance.random())))  # noqa: S311 - as above
        for _ in range(CLIENTS)
    ]
    step = max(1, requests // SAMPLES)
    for at in range(step, requests + 1, step):
        while ended < at and not all(task.done() for task in clients):
            await asyncio.wait(clients, timeout=0.05)
        yield ended, tally
    await asyncio.gather(*clients)
    yield ended, tally


@dataclass(frozen=True)
class Belongings:
    """What a node has of the system."""

    descriptors: int
    processes: int
    tasks: int

    def exceed(self, others: "Belongings") -> bool:
        """Whether there is more of anything than the others are."""
        return any(getattr(self, what) > getattr(others, what) for what in LEAKABLE)

    @classmethod
    async def of(cls, node: NodeProcess) -> "Belongings":
        """Count what it has now."""
        process = psutil.Process(node.pid)
        family = len(process.children(recursive=True))
        metrics = (await node.http.get("/metrics")).raise_for_status().text
        tasks = next(line for line in metrics.splitlines() if line.startswith(TASKS))
        return cls(process.num_fds(), family, round(float(tasks.split()[1])))


async def left_of(node: NodeProcess, before: Belongings) -> Belongings:
    """Count again; what its owner is about to close, as a client's connection, has time for it."""
    give_up_at = time.monotonic() + CLOSED_WITHIN_S
    after = await Belongings.of(node)
    while after.exceed(before) and time.monotonic() < give_up_at:
        await asyncio.sleep(POLL_S)
        after = await Belongings.of(node)
    return after


async def settle(node: NodeProcess) -> None:
    """Wait until nothing runs or waits on the node, as it and its engine say."""

    async def is_idle() -> bool:
        stats = await node.stats()
        is_free = bool(stats.slots) and not any(slot.busy for slot in stats.slots)
        return is_free and (stats.active_requests, stats.queued) == (0, 0)

    await until(is_idle)


async def soak(requests: int, kills: int, seed: int) -> list[Figure]:
    """Run everything and count."""
    with running_node("--log-level", "ERROR") as node:
        async with node.client() as node.http:
            await node.until_ready()
            await node.infer(**request_of(random.Random(seed)))  # noqa: S311 - as below
            await settle(node)
        async with node.client() as node.http:
            before = await Belongings.of(node)
        async with node.client() as node.http:
            tally = await through(node, requests, kills, seed)
            await settle(node)
            counted = await node.stats()
        async with node.client() as node.http:
            after = await left_of(node, before)
    return [
        *ends_of(tally, counted, requests, kills),
        *(leaked(what, getattr(before, what), getattr(after, what)) for what in LEAKABLE),
        growth(tally.node_bytes),
    ]


async def through(node: NodeProcess, requests: int, kills: int, seed: int) -> Tally:
    """Go through the weather; note on the way what memory the node holds."""
    tally, process = Tally(), psutil.Process(node.pid)
    async for ended, seen in weather(node, requests, kills, seed):
        tally = seen
        if ended >= requests * SETTLED_SHARE:
            tally.node_bytes.append(process.memory_info().rss)
    return tally


def ends_of(tally: Tally, counted: Stats, requests: int, kills: int) -> list[Figure]:
    """Hold what the clients saw against what the node counted, one warm-up request included."""
    ends = ", ".join(f"{count} {name}" for name, count in sorted(tally.ends.items()))
    seen, left = tally.ends["done"] + 1, tally.ends["cancelled"]
    unseen = counted.completed_total - seen
    beside = f"{counted.completed_total} completed, {counted.cancelled_total} cancelled"
    return [
        Figure("requests without exactly one end", len(tally.faults), 0, "", ends),
        Figure("requests that never ended", requests - tally.ends.total(), 0, "", ""),
        Figure("answers that the node didn't count", max(0, -unseen), 0, "", beside),
        Figure("answers to nobody", max(0, unseen - left), 0, "", "but for those who left"),
        Figure("kills that were missed", kills - tally.kills, 0, "", f"{tally.kills} killed"),
    ]


def growth(node_bytes: list[int]) -> Figure:
    """Compare the medians of the first and the last third: single samples jump."""
    third = max(1, len(node_bytes) // 3)
    early, late = statistics.median(node_bytes[:third]), statistics.median(node_bytes[-third:])
    beside = f"{early / MB:.1f} → {late / MB:.1f} MB"
    percent = 100 * (late - early) / early
    return Figure("memory of the node grown", percent, 100 * GROWTH_LIMIT, "%", beside)


def leaked(what: str, before: int, after: int) -> Figure:
    return Figure(f"{what} leaked", after - before, 0, "", f"{before} before, {after} after")


def main() -> None:
    """Soak, print, and say by the exit status whether everything held."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    figures = asyncio.run(soak(arguments.requests, arguments.kills, arguments.seed))
    if arguments.json:
        print(as_json(figures))
    else:
        Console().print(table(figures, "The node in bad weather"))
    sys.exit(0 if all(figure.holds for figure in figures) else 1)


if __name__ == "__main__":
    main()

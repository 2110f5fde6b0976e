"""How soon a slot is free after its client has left, by the engine's own word.

    python -m benchmarks.node_cancellation               a table
    python -m benchmarks.node_cancellation --json        the figures as JSON
    python -m benchmarks.node_cancellation --leave 5     fewer clients

A real node with a model that goes on and on; another stream runs beside all but the first kind,
and shares every step of the engine. Asked in a loop, which costs the engine something too, whether
the slot is free. Exit status 1 when the 90th percentile misses its limit.
"""

import argparse
import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console

from benchmarks.overhead import Figure, as_json, table
from benchmarks.overload import quantile
from tests.node_backend.nodes import NodeProcess, running_node
from tests.node_backend.waiting import until
from tests.reciting_model import write_reciting_model

ENDLESS: dict[str, object] = {"prompt": "import ", "max_tokens": 7000}
PROMPT = "".join(f"value_{n} = {n}\n" for n in range(400))  # 4,000 tokens: it must not be cut


@dataclass(frozen=True)
class Kind:
    """A moment at which a client leaves."""

    name: str
    limit_ms: float
    beside: int
    """Streams that go on."""
    stay: Callable[[NodeProcess], AbstractAsyncContextManager[None]]
    """Be a client until the moment has come."""


def uncached_prompt() -> str:
    """Return a prompt that no slot has seen, from its first line on."""
    return f"# {time.monotonic_ns()}\n{PROMPT}"


@contextlib.asynccontextmanager
async def decoding(node: NodeProcess) -> AsyncIterator[None]:
    async with node.streaming_until("token", **ENDLESS):
        yield


@contextlib.asynccontextmanager
async def in_prefill(node: NodeProcess) -> AsyncIterator[None]:
    async with node.streaming_until("prefill", prompt=uncached_prompt(), max_tokens=1) as events:
        detail = events[-1][1]["detail"]
        if 2 * detail["processed"] > detail["total"]:
            raise RuntimeError("the prompt was in a cache: nothing is measured so")
        yield


@contextlib.asynccontextmanager
async def in_prefill_unstreamed(node: NodeProcess) -> AsyncIterator[None]:
    asking = asyncio.create_task(node.ask(prompt=uncached_prompt(), max_tokens=1))
    try:
        yield
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


@contextlib.asynccontextmanager
async def queued(node: NodeProcess) -> AsyncIterator[None]:
    async with node.streaming_until("queued", **ENDLESS):
        yield


KINDS = (
    Kind("while decoding, alone", 100, 0, decoding),
    Kind("while decoding", 100, 1, decoding),
    Kind("in prefill", 500, 1, in_prefill),
    Kind("in prefill, not streaming", 500, 1, in_prefill_unstreamed),
    Kind("in the queue", 100, 2, queued),
)


async def leave(node: NodeProcess, kind: Kind) -> tuple[float, float]:
    """Be a client, leave, and return the milliseconds until nothing of it is left.

    Beside them those that the engine has computed meanwhile: what it does not compute, it waits
    for a core that others have.
    """
    is_queued = kind.stay is queued
    engine = psutil.Process(await node.engine_pid())
    async with kind.stay(node):
        await node.until_slots(busy=kind.beside + (not is_queued))
    left_at, computed_s = time.perf_counter(), engine.cpu_times().user

    async def is_forgotten() -> bool:
        stats = await node.stats()
        busy = sum(slot.busy for slot in stats.slots)
        return bool(stats.slots) and busy == kind.beside and stats.queued == 0

    await until(is_forgotten)
    took_s = time.perf_counter() - left_at
    return took_s * 1000, (engine.cpu_times().user - computed_s) * 1000


async def measure_kind(node: NodeProcess, kind: Kind, clients: int) -> Figure:
    async with AsyncExitStack() as stack:
        for number in range(kind.beside):
            beside = node.streaming_until("token", cache_key=f"beside-{number}", **ENDLESS)
            await stack.enter_async_context(beside)
        times = [await leave(node, kind) for _ in range(clients)]
    await node.until_slots(busy=0)
    times_ms, computed_ms = zip(*times, strict=True)
    words = f"median {quantile(times_ms, 0.5):.0f} ms, longest {max(times_ms):.0f} ms; "
    words += f"{quantile(computed_ms, 0.9):.0f} ms of computing"
    return Figure(kind.name, quantile(times_ms, 0.9), kind.limit_ms, "ms", words)


async def measure(clients: int) -> list[Figure]:
    """Measure each kind, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        model = write_reciting_model(Path(folder) / "reciting.gguf")
        options = ("--model", str(model), "--context", "8192", "--log-level", "WARNING")
        with running_node(*options) as node:
            async with node.client() as node.http:
                await node.until_ready()
                return [await measure_kind(node, kind, clients) for kind in KINDS]


def main() -> None:
    """Measure, print, and say by the exit status whether the limits are kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--leave", type=int, default=20, help="clients of each kind")
    arguments = parser.parse_args()
    figures = asyncio.run(measure(arguments.leave))
    if arguments.json:
        print(as_json(figures))
    else:
        Console().print(table(figures, "A slot is free again after"))
    sys.exit(0 if all(figure.holds for figure in figures) else 1)


if __name__ == "__main__":
    main()

"""How soon a node answers `/health` while its engine computes on all threads.

    python -m benchmarks.node_health             a table, with a bare server beside it
    python -m benchmarks.node_health --json      the figures as JSON
    python -m benchmarks.node_health --asks 200  a shorter run

The engine gets as many threads as the machine has cores, which is one more than it would by
itself. One slot decodes without end, another evaluates one long prompt after the other. Health is
asked 50 times a second, and in turns with it a server that does nothing but answer (uvicorn with
an empty application): what that one takes is the machine's own. Exit status 1 when the 99th
percentile is above 50 ms.
"""

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from benchmarks.overload import quantile
from benchmarks.plain_http import Connection
from cerebrum_kit.serving import listen
from tests.node_backend.nodes import NodeProcess, running_node
from tests.node_backend.waiting import until
from tests.reciting_model import write_reciting_model

LIMIT_MS = 50.0
INTERVAL_S = 0.02
PROMPT = "".join(f"value_{n} = {n}\n" for n in range(900))
LOADS = ("idle", "decode", "prefill", "decode and prefill")


@dataclass(frozen=True)
class Figure:
    """Milliseconds to an answer, under one load: the node's, and the bare server's."""

    load: str
    node_median_ms: float
    node_p99_ms: float
    bare_median_ms: float
    bare_p99_ms: float
    limit_ms: float = LIMIT_MS

    @property
    def holds(self) -> bool:
        """Whether the limit is kept."""
        return self.node_p99_ms <= self.limit_ms


async def bare(
    scope: dict[str, Any], _receive: object, send: Callable[..., Awaitable[None]]
) -> None:
    """Answer every request with nothing: an ASGI application."""
    if scope["type"] == "http":
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{}"})


@contextlib.contextmanager
def running_bare_server() -> Iterator[str]:
    """Run a server that does nothing but answer; yield its address."""
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        argv = ["-m", "uvicorn", f"{__spec__.name}:bare", "--fd", str(listener.fileno())]
        options = ["--log-level", "error", "--lifespan", "off"]
        process = subprocess.Popen([sys.executable, *argv, *options], pass_fds=(listener.fileno(),))
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


@contextlib.asynccontextmanager
async def loaded(node: NodeProcess, load: str) -> AsyncIterator[None]:
    """Keep the engine at work, as `load` says."""
    work = []
    if "decode" in load:
        work.append(asyncio.create_task(decode_on(node)))
    if "prefill" in load:
        work.append(asyncio.create_task(prefill_on(node)))
    try:
        await node.until_slots(busy=len(work))
        yield
    finally:
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        await node.until_slots(busy=0)


async def decode_on(node: NodeProcess) -> None:
    while True:
        await node.collect(prompt="import ", max_tokens=7000, cache_key="decode")


async def prefill_on(node: NodeProcess) -> None:
    while True:
        prompt = f"# {time.monotonic_ns()}\n{PROMPT}"
        await node.collect(prompt=prompt, max_tokens=1, cache_key="prefill")


async def measure_load(node: NodeProcess, bare_url: str, load: str, asks: int) -> Figure:
    node_ms: list[float] = []
    bare_ms: list[float] = []
    async with (
        loaded(node, load),
        Connection(node.url, {}) as to_node,
        Connection(bare_url, {}) as to_bare,
    ):
        for _ in range(asks):
            for connection, times in ((to_node, node_ms), (to_bare, bare_ms)):
                answer = await connection.get("/health")
                assert answer.status == 200
                times.append(answer.total_s * 1000)
                await asyncio.sleep(INTERVAL_S / 2)
    return Figure(
        load,
        quantile(node_ms, 0.5),
        quantile(node_ms, 0.99),
        quantile(bare_ms, 0.5),
        quantile(bare_ms, 0.99),
    )


async def measure(asks: int) -> list[Figure]:
    """Measure under each load, one after the other."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        model = write_reciting_model(folder / "reciting.gguf")
        options = ("--model", str(model), "--context", "8192")
        threads = ("--threads", str(len(os.sched_getaffinity(0))), "--log-level", "WARNING")
        node = stack.enter_context(running_node(*options, *threads))
        bare_url = stack.enter_context(running_bare_server())
        async with node.client() as node.http, httpx.AsyncClient(trust_env=False) as plain:
            await node.until_ready()

            async def answers() -> bool:
                with contextlib.suppress(httpx.TransportError):
                    return (await plain.get(bare_url)).status_code == 200
                return False

            await until(answers)
            return [await measure_load(node, bare_url, load, asks) for load in LOADS]


def table(figures: list[Figure]) -> Table:
    drawn = Table("the engine", "median", "p99", "limit of p99", "", "bare server", "its p99")
    for each in figures:
        drawn.add_row(
            each.load,
            f"{each.node_median_ms:.1f} ms",
            f"{each.node_p99_ms:.1f} ms",
            f"{each.limit_ms:.0f} ms",
            "ok" if each.holds else "[red]missed[/]",
            f"{each.bare_median_ms:.1f} ms",
            f"{each.bare_p99_ms:.1f} ms",
        )
    return drawn


def main() -> None:
    """Measure, print, and say by the exit status whether the limit is kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--asks", type=int, default=1000, help="of health, under each load")
    arguments = parser.parse_args()
    figures = asyncio.run(measure(arguments.asks))
    if arguments.json:
        print(json.dumps([{**asdict(figure), "holds": figure.holds} for figure in figures]))
    else:
        Console().print(table(figures))
    sys.exit(0 if all(figure.holds for figure in figures) else 1)


if __name__ == "__main__":
    main()

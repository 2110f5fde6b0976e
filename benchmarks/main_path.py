"""The main path's own cost: start-up, time added to the first token, resident memory.

    python -m benchmarks.main_path            all three, as a table beside their limits
    python -m benchmarks.main_path --json     the figures as JSON

Exit status 1 when a limit is missed. Each figure has its reference from the same run: a bare pygls
server for the start, the engine's own clock and a direct connection to an engine for the first
token. Run it on a machine that is otherwise quiet.
"""

import argparse
import asyncio
import itertools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import psutil
from rich.console import Console

from benchmarks.figures import Figure, quantile, table
from node_backend.config import Settings
from node_backend.engines.base import Finished, InfillPrompt, Order, Piece
from node_backend.models import catalog
from node_backend.service import engine_for
from tests.e2e.editor import Editor, editor
from tests.e2e.pool import Pool, running_pool

STARTS = 9
REQUESTS = 100
WARM_UP = 5
SOURCE = Path(__file__).with_name("main_path.py")
MEGABYTE = 1_000_000


async def time_of_initialize(*command: str) -> float:
    """Start a server; return the milliseconds until `initialize` is answered."""
    client = Editor()
    begun = time.perf_counter()
    await client.start_io(sys.executable, *command)
    await client.hello()
    elapsed_ms = (time.perf_counter() - begun) * 1000
    await client.goodbye()
    await client.stop()  # type: ignore[no-untyped-call] # pygls
    return elapsed_ms


async def measure_start() -> list[Figure]:
    """Start the daemon and the bare server in turns."""
    ours, bare = [], []
    for _ in range(STARTS):
        ours.append(await time_of_initialize("-m", "cerebrum_lsp", "--stdio"))
        bare.append(await time_of_initialize("-m", "benchmarks.bare_server"))
    median, reference = statistics.median(ours), statistics.median(bare)
    beside = f"a bare pygls server: {reference:.0f} ms, ratio {median / reference:.2f}"
    return [Figure("initialize answered, median", median, 1000, "ms", beside)]


def prefixes() -> Iterator[str]:
    """Yield the texts of somebody who types this very file, some characters at a time."""
    text = SOURCE.read_text(encoding="utf-8")
    yield from (text[:end] for end in range(1500, len(text), 9))


async def measure_first_token(client: Editor) -> tuple[list[float], list[float]]:
    """Ask until 100 answers have come whole; return the first tokens' times, ours and the engine's.

    Both in ms: ours as the client sees it, with what the protocol takes on the way in and out. An
    answer that the daemon stopped early has no figures of the engine's, and is left out.
    """
    seen, engine = [], []
    for text in prefixes():
        client.open(text)
        begun = time.perf_counter()
        await client.ask(text.count("\n"), len(text.rpartition("\n")[2]))
        elapsed_ms = (time.perf_counter() - begun) * 1000
        stages = (await client.outcome())["stages"]
        if stages["prefill_ms"] is None or stages["first_token_ms"] is None:
            continue
        seen.append(stages["first_token_ms"] + elapsed_ms - stages["total_ms"])
        engine.append(stages["prefill_ms"])
        if len(seen) == WARM_UP + REQUESTS:
            break
    return seen[WARM_UP:], engine[WARM_UP:]


async def measure_direct(model: Path) -> list[float]:
    """Ask an engine of the same kind directly; return what HTTP alone adds to its own time."""
    settings = Settings(model=model)
    engine = engine_for(settings, catalog(settings).default)
    added = []
    try:
        await engine.load()
        for text in itertools.islice(prefixes(), WARM_UP + REQUESTS):
            order = Order(InfillPrompt(text, ""), slot=0, max_tokens=4)
            begun, first_ms = time.perf_counter(), 0.0
            async for event in engine.generate(order):
                if isinstance(event, Piece):
                    first_ms = first_ms or (time.perf_counter() - begun) * 1000
                elif isinstance(event, Finished) and first_ms:
                    added.append(first_ms - event.prefill_ms)
    finally:
        await engine.unload()
    return added[WARM_UP:]


def added_figures(
    seen: Sequence[float], engine: Sequence[float], direct: Sequence[float]
) -> list[Figure]:
    """Return what the three programs added to the engine's own first token."""
    added = sorted(ours - own for ours, own in zip(seen, engine, strict=True))
    share = statistics.median(seen) / statistics.median(engine)
    beside = f"n={len(added)}; engine's own {statistics.median(engine):.1f} ms, ratio {share:.2f}"
    direct_p50, direct_p95 = statistics.median(direct), quantile(direct, 0.95)
    return [
        Figure("added to the first token, median", quantile(added, 0.5), 15, "ms", beside),
        Figure(
            "added to the first token, p95",
            quantile(added, 0.95),
            25,
            "ms",
            f"an engine asked directly adds {direct_p50:.1f} (p95 {direct_p95:.1f}) ms",
        ),
    ]


def memory_figures(client: Editor, pool: Pool) -> list[Figure]:
    """Return the resident memory of the three programs after the requests."""
    processes = {
        "daemon": (client.pid, 110),
        "orchestrator": (pool.orchestrator.child.pid, 90),
        "node without engine": (pool.node.child.pid, 90),
    }
    engine_mb = psutil.Process(pool.engine_pid).memory_info().rss / MEGABYTE
    return [
        Figure(
            f"{name}, resident",
            psutil.Process(pid).memory_info().rss / MEGABYTE,
            limit_mb,
            "MB",
            f"its engine: {engine_mb:.0f} MB" if name.startswith("node") else "",
        )
        for name, (pid, limit_mb) in processes.items()
    ]


async def measure(model: Path) -> list[Figure]:
    """Measure everything, one thing at a time."""
    figures = await measure_start()
    with tempfile.TemporaryDirectory() as folder:
        async with (
            running_pool(Path(folder), model) as pool,
            editor(pool.environment, maxTokens=4, growingCompletions=False) as client,
        ):
            seen, engine = await measure_first_token(client)
            figures += memory_figures(client, pool)
    return figures + added_figures(seen, engine, await measure_direct(model))


def main() -> None:
    """Measure, print, and say by the exit status whether all limits are kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--model", type=Path, help="a GGUF model instead of the bundled one")
    arguments = parser.parse_args()
    bundled = Path(__file__).parents[1] / "node_backend" / "bundled" / "cerebrum-tiny.gguf"
    figures = asyncio.run(measure(arguments.model or bundled))
    if arguments.json:
        print(json.dumps([{**asdict(figure), "holds": figure.holds} for figure in figures]))
    else:
        Console().print(table("The main path's own cost", figures))
    sys.exit(0 if all(figure.holds for figure in figures) else 1)


if __name__ == "__main__":
    main()

"""Replay recorded keystrokes against the daemon, and against a bare pygls server beside it.

    python -m benchmarks.replay [--trace recorded|typed] [--evals FOLDER]

The daemon has a pool that answers at once, so that what is measured is the daemon. Prints the
evaluation kit's own tables, then the ratios; exit status 1 when a ratio is over its limit.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.instant_pool import InstantPool

RATIO_LIMIT = 1.25
RATIOS = ("p50_ms", "p95_ms")
EVALS = Path(__file__).resolve().parents[2] / "shared" / "evals"


async def replay(
    evals: Path, trace: str, server: str, environment: dict[str, str]
) -> dict[str, float]:
    """Run the kit's replay; return its figures by name."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(evals / "run.py"),
            "replay",
            *(["--trace", "typed"] if trace == "typed" else []),
            "--server",
            f"{sys.executable} -m {server}",
            "--json",
            str(result),
            env={**os.environ, **environment},
        )
        if await process.wait():
            sys.exit("the kit's replay failed; what it said stands above")
        figures: dict[str, float] = json.loads(result.read_text(encoding="utf-8"))["values"]
        return figures


async def measure(evals: Path, trace: str) -> bool:
    """Replay both; return whether all ratios are within their limits."""
    async with InstantPool() as pool:
        with tempfile.TemporaryDirectory() as folder:
            environment = {"CEREBRUM_ORCHESTRATOR_URL": pool.url, "XDG_STATE_HOME": folder}
            ours = await replay(evals, trace, "cerebrum_lsp --stdio", environment)
        bare = await replay(evals, trace, "benchmarks.bare_server", {})
        print(f"upstream requests: {pool.requests}")
    ratios = {name: ours[name] / bare[name] for name in RATIOS}
    for name, ratio in ratios.items():
        print(f"{name}: {ratio:.2f} of a bare server's (limit {RATIO_LIMIT})")
    return all(ratio <= RATIO_LIMIT for ratio in ratios.values())


def main() -> None:
    """Measure, print, and say by the exit status whether the limits are kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trace", choices=["recorded", "typed"], default="recorded")
    parser.add_argument("--evals", type=Path, default=EVALS, help="the evaluation kit's folder")
    arguments = parser.parse_args()
    sys.exit(0 if asyncio.run(measure(arguments.evals, arguments.trace)) else 1)


if __name__ == "__main__":
    main()

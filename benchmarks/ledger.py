"""The memory ledger against the engine's real resident memory, for models of four shapes.

python -m benchmarks.ledger

Exit status 1 when a figure is off by more than 10 % plus 30 MB.
"""

import asyncio
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from node_backend.core.gguf_header import parse_header
from node_backend.core.ledger import Needs, Plan, needs_of
from node_backend.core.model_shape import shape_of
from node_backend.engines.base import Order, RawPrompt
from node_backend.engines.llama_cpp import LlamaCppEngine
from node_backend.engines.llama_cpp_settings import EngineSettings
from tests.node_backend.shapes import SHAPES, Written, write_shape

MB = 1_000_000
PLAN = Plan(context_tokens=4096, slots=2, batch_tokens=64, prompt_cache_bytes=0)
PROMPT = "def area(width, height):\n    return width * height\n" * 8


@dataclass(frozen=True)
class Comparison:
    """What was computed beforehand, and what then was resident, in bytes."""

    written: Written
    needs: Needs
    resident: int

    @property
    def holds(self) -> bool:
        """Whether the ledger is right within 10 % plus 30 MB."""
        return abs(self.needs.loaded - self.resident) <= 0.1 * self.resident + 30 * MB


async def compare(folder: Path, written: Written) -> Comparison:
    """Write a model, compute its needs, and run it."""
    path = write_shape(folder / "shape.gguf", written)
    needs = needs_of(shape_of(parse_header(path.read_bytes()[: 4 << 20])), PLAN)
    resident = await _resident_bytes(path)
    path.unlink()
    return Comparison(written, needs, resident)


async def _resident_bytes(path: Path) -> int:
    settings = EngineSettings(
        model_path=str(path),
        context_tokens=PLAN.context_tokens,
        slots=PLAN.slots,
        threads=1,
        batch_tokens=PLAN.batch_tokens,
        prompt_cache_mib=PLAN.prompt_cache_bytes >> 20,
        parent_pid=os.getpid(),
    )
    engine = LlamaCppEngine(settings, load_timeout_s=120, stall_timeout_s=120)
    try:
        await engine.load()
        async for _ in engine.generate(Order(RawPrompt(PROMPT), slot=0, max_tokens=4)):
            pass
        resident: int = psutil.Process(engine.status.pid).memory_info().rss
        return resident
    finally:
        await engine.unload()


async def compare_all() -> list[Comparison]:
    """Compare all shapes, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        return [await compare(Path(folder), written) for written in SHAPES]


def main() -> int:
    """Print the table."""
    comparisons = asyncio.run(compare_all())
    table = Table("shape", "type", "weights", "KV", "compute", "ledger", "resident", "off by")
    for each in comparisons:
        needs = each.needs
        sizes = (needs.weights, needs.kv, needs.compute, needs.loaded, each.resident)
        cells = [f"{size / MB:.0f} MB" for size in sizes]
        off = f"{(needs.loaded - each.resident) / MB:+.0f} MB"
        table.add_row(each.written.name, each.written.quantisation.name, *cells, off)
    Console().print(table)
    return 0 if all(each.holds for each in comparisons) else 1


if __name__ == "__main__":
    sys.exit(main())

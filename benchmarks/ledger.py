"""The memory ledger against the engine's real resident memory: four shapes, three KV types.

python -m benchmarks.ledger

Exit status 1 when a figure is off by more than 10 % plus 30 MB.
"""

import asyncio
import os
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from node_backend.cards import read_header
from node_backend.core.ledger import KvType, Needs, Plan, needs_of
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
    kv_type: KvType
    needs: Needs
    resident: int

    @property
    def holds(self) -> bool:
        """Whether the ledger is right within 10 % plus 30 MB."""
        return abs(self.needs.loaded - self.resident) <= 0.1 * self.resident + 30 * MB


async def compare(folder: Path, written: Written, kv_type: KvType = "f16") -> Comparison:
    """Write a model, compute its needs, and run it."""
    path = write_shape(folder / "shape.gguf", written)
    plan = replace(PLAN, kv_type=kv_type)
    needs = needs_of(shape_of(read_header(path)), plan)
    resident = await _resident_bytes(path, kv_type)
    path.unlink()
    return Comparison(written, kv_type, needs, resident)


async def _resident_bytes(path: Path, kv_type: KvType) -> int:
    settings = EngineSettings(
        model_path=str(path),
        context_tokens=PLAN.context_tokens,
        slots=PLAN.slots,
        threads=1,
        batch_tokens=PLAN.batch_tokens,
        prompt_cache_mib=PLAN.prompt_cache_bytes >> 20,
        parent_pid=os.getpid(),
        kv_type=kv_type,
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
    """Compare all shapes, one after the other, and the one with the most keys in all KV types."""
    cases: list[tuple[Written, KvType]] = [(written, "f16") for written in SHAPES]
    cases += [(SHAPES[0], "q8_0"), (SHAPES[0], "q4_0")]
    with tempfile.TemporaryDirectory() as folder:
        return [await compare(Path(folder), *case) for case in cases]


def main() -> int:
    """Print the table."""
    comparisons = asyncio.run(compare_all())
    table = Table(
        "shape", "type", "KV type", "weights", "KV", "compute", "ledger", "resident", "off by"
    )
    for each in comparisons:
        needs = each.needs
        sizes = (needs.weights, needs.kv, needs.compute, needs.loaded, each.resident)
        cells = [f"{size / MB:.0f} MB" for size in sizes]
        off = f"{(needs.loaded - each.resident) / MB:+.0f} MB"
        types = each.written.quantisation.name, each.kv_type
        table.add_row(each.written.name, *types, *cells, off)
    Console(width=110).print(table)
    return 0 if all(each.holds for each in comparisons) else 1


if __name__ == "__main__":
    sys.exit(main())

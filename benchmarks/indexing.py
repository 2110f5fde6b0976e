"""What the index of a workspace costs: time, memory, and the daemon's answers meanwhile.

    python -m benchmarks.indexing [--folder FOLDER] [--json]

A daemon is started on a copy of CPython's own library, on one core; while its index is built, a
client types and asks, of a pool that answers at once. A file of 1 MB is edited 60 times, first in
the index alone, then through the daemon. Exit status 1 when a limit is missed. Beside each figure
stands what there is to compare it with: the same requests when the index stands.
"""

import argparse
import asyncio
import itertools
import json
import os
import shutil
import statistics
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import psutil
from lsprotocol import types
from rich.console import Console

from benchmarks.figures import Figure, quantile, table
from benchmarks.instant_pool import InstantPool
from cerebrum_lsp.indexing.folders import Folders
from cerebrum_lsp.indexing.messages import Changed, Opened, TextChange
from cerebrum_lsp.indexing.service import IndexService
from tests.e2e.editor import Editor, editor
from tests.e2e.processes import child_running

INDEX = "cerebrum_lsp.indexing"
MEGABYTE = 1_000_000
LARGE_FILE_BYTES = 990_000
EDITS = 60
ASK_EVERY_S = 0.1
REFERENCE_ASKS = 60
WARM_UP_ASKS = 3
WARM_UP_EDITS = 25  # the first answer waits until the document is open, the next tell the pace
CAPABILITIES = types.ClientCapabilities(
    window=types.WindowClientCapabilities(work_done_progress=True)
)


def copy_library(folder: Path) -> int:
    """Copy CPython's library without what was installed into it; return its number of files."""
    library = Path(sysconfig.get_path("stdlib"))
    left_out = shutil.ignore_patterns("site-packages", "dist-packages", "__pycache__", "*.so")
    shutil.copytree(library, folder, ignore=left_out, symlinks=True)
    return sum(1 for _ in folder.rglob("*.py"))


async def ask(client: Editor, uri: str, number: int) -> float:
    """Type a line and ask at its end; return the milliseconds until the answer."""
    text = f"import json\n\n\ndef load_{number}(path):\n    return json."
    client.open(text, uri)
    begun = time.perf_counter()
    await client.ask(text.count("\n"), len(text.rpartition("\n")[2]), uri)
    return (time.perf_counter() - begun) * 1000


async def measure_building(folder: Path, files: int) -> Iterator[Figure]:
    """Index the folder on one core while a client asks."""
    uri = (folder / "typed_here.py").as_uri()
    core = sorted(os.sched_getaffinity(0))[0]
    numbers = itertools.count()
    with tempfile.TemporaryDirectory() as state:
        async with InstantPool() as pool:
            environment = {"CEREBRUM_ORCHESTRATOR_URL": pool.url, "XDG_STATE_HOME": state}
            begun = time.perf_counter()
            async with editor(
                environment, root=folder.as_uri(), capabilities=CAPABILITIES
            ) as client:
                psutil.Process(client.pid).cpu_affinity([core])
                for _ in range(WARM_UP_ASKS):  # what it imports for its first answer is not ours
                    await ask(client, uri, next(numbers))
                during = []
                while not client.progress_ended.is_set():
                    during.append(await ask(client, uri, next(numbers)))
                    await asyncio.sleep(ASK_EVERY_S)
                took_s = time.perf_counter() - begun
                after = [await ask(client, uri, next(numbers)) for _ in range(REFERENCE_ASKS)]
                index = child_running(client.pid, INDEX)
                memory_mb = peak_mb(index)
                daemon_mb = peak_mb(client.pid)
                large = await measure_large_document(client, folder)
    beside = f"{len(during)} asked; p99 when it stands: {quantile(after, 0.99):.0f} ms"
    return iter(
        [
            Figure(
                f"{files} files indexed, one core", took_s, 20, "s", "the daemon's start included"
            ),
            Figure("answers meanwhile, p99", quantile(during, 0.99), 50, "ms", beside),
            Figure("index process, peak", memory_mb, 150, "MB", f"daemon: {daemon_mb:.0f} MB"),
            large,
        ]
    )


async def measure_large_document(client: Editor, folder: Path) -> Figure:
    """Edit a document of 1 MB at its top through the daemon, asking after each edit."""
    uri = (folder / "large_here.py").as_uri()
    client.open(large_text(), uri)
    opening_ms = await type_and_ask(client, uri, 0)
    for column in range(1, WARM_UP_EDITS):
        await type_and_ask(client, uri, column)
    columns = range(WARM_UP_EDITS, WARM_UP_EDITS + EDITS)
    elapsed_ms = [await type_and_ask(client, uri, column) for column in columns]
    median_ms = statistics.median(elapsed_ms)
    beside = f"median {median_ms:.0f} ms; the first one, which waits for its opening: "
    beside += f"{opening_ms:.0f} ms"
    return Figure("answers in a file of 1 MB, p99", quantile(elapsed_ms, 0.99), 50, "ms", beside)


async def type_and_ask(client: Editor, uri: str, column: int) -> float:
    """Type a key in the first line and ask after it; return the milliseconds that it took."""
    place = types.Position(0, column)
    change = types.TextDocumentContentChangePartial(text="y", range=types.Range(place, place))
    client.versions[uri] += 1
    identifier = types.VersionedTextDocumentIdentifier(client.versions[uri], uri)
    client.text_document_did_change(types.DidChangeTextDocumentParams(identifier, [change]))
    begun = time.perf_counter()
    await client.ask(0, column + 1, uri)
    return (time.perf_counter() - begun) * 1000


def large_text() -> str:
    """Return 1 MB of Python: one module after the other of the library."""
    library = Path(sysconfig.get_path("stdlib"))
    texts = (path.read_text(encoding="utf-8") for path in sorted(library.glob("*.py")))
    return "".join(texts)[:LARGE_FILE_BYTES]


def measure_edits() -> Figure:
    """Type at ends of lines of 1 MB in the index itself, all over it; in CPU time."""
    typed = edit_times(len)
    broken = edit_times(lambda _: 0)
    beside = (
        f"median {statistics.median(typed):.0f}; at beginnings of lines, which breaks blocks: "
        f"median {statistics.median(broken):.0f}, longest {max(broken):.0f} ms"
    )
    return Figure("an edit of 1 MB in the index, p95", quantile(typed, 0.95), 30, "ms", beside)


def edit_times(column: Callable[[str], int]) -> list[float]:
    """Return the CPU milliseconds that edits take at a `column` of some lines."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "large.py")
        service = IndexService(Folders((folder,), MEGABYTE), "utf-16", time.process_time)
        text = large_text()
        service.opened(Opened(path, text))
        lines = [(row, line) for row, line in enumerate(text.split("\n")) if line.strip()]
        elapsed_ms = []
        for number in range(EDITS):
            row, line = lines[len(lines) * number // EDITS]
            place = (row, column(line))
            begun = time.process_time()
            service.changed(Changed(path, (TextChange("y", place, place),)))
            elapsed_ms.append((time.process_time() - begun) * 1000)
    return elapsed_ms


def peak_mb(pid: int) -> float:
    """Return the most memory that a process has had resident."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / MEGABYTE


async def measure(folder: Path | None) -> list[Figure]:
    """Return all figures."""
    with tempfile.TemporaryDirectory() as temporary:
        root = folder or Path(temporary) / "Lib"
        files = sum(1 for _ in root.rglob("*.py")) if folder else copy_library(root)
        return [*(await measure_building(root, files)), measure_edits()]


def main() -> None:
    """Measure, print, and say by the exit status whether the limits are kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, help="index this instead of CPython's library")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args()
    figures = asyncio.run(measure(arguments.folder))
    if arguments.json:
        print(json.dumps([{**asdict(each), "holds": each.holds} for each in figures]))
    else:
        Console().print(table("The index of a workspace", figures))
    sys.exit(0 if all(each.holds for each in figures) else 1)


if __name__ == "__main__":
    main()

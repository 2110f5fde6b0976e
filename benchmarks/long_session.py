"""A large document, and a long session: what an edit costs, and what stays behind.

    python -m benchmarks.long_session [--edits 100000]

The daemon has a pool that answers at once. Prints each figure beside its limit; exit status 1 when
one is missed.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from typing import Any

from rich.console import Console

from benchmarks.figures import Figure, quantile, table
from benchmarks.instant_pool import InstantPool
from benchmarks.stdio_fuzz import Victim, resident_mib, start

LARGE_CHARS = 1_000_000
LARGE_EDITS = 500
WARM_UP = 25  # the pause before asking follows the typing: the first ones tell its pace
LINE = "    value = compute(first, second)  # one of many lines that say the same\n"
URI = "file:///work/large.py"
ASK_EVERY = 20
SETTLED = 0.3  # of the edits: caches are full by then
P99_LIMIT_MS = 50.0
GROWTH_LIMIT_MIB = 5.0


class Session:
    """One document in one daemon, typed into at its top."""

    def __init__(self, victim: Victim) -> None:
        self._victim = victim
        self._version = 1
        self._asked = 0

    def open(self, text: str) -> None:
        """Open the document."""
        document = {"uri": URI, "languageId": "python", "version": 1, "text": text}
        self._notify("textDocument/didOpen", {"textDocument": document})

    def insert(self, text: str) -> None:
        """Put text at the beginning of the first line."""
        self._edit(text, 0)

    def delete(self, count: int) -> None:
        """Take characters off the beginning of the first line."""
        self._edit("", count)

    async def answered(self, method: str, parameters: Any) -> float:
        """Send a request; return after how many milliseconds it was answered, well or not."""
        self._asked += 1
        number = f"s{self._asked}"
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": parameters}
        begun = time.perf_counter()
        self._victim.send(json.dumps(message).encode())
        assert await self._victim.until_answered({number}), "no answer"
        return (time.perf_counter() - begun) * 1000

    async def complete(self, column: int) -> float:
        """Ask for a completion in the first line; return the milliseconds that it took."""
        parameters = {
            "textDocument": {"uri": URI},
            "position": {"line": 0, "character": column},
            "context": {"triggerKind": 2},
        }
        return await self.answered("textDocument/inlineCompletion", parameters)

    async def settled(self) -> float:
        """Return the milliseconds until all that was sent has been taken in."""
        return await self.answered("no/such/method", {})

    def _edit(self, text: str, deleted: int) -> None:
        self._version += 1
        start, end = {"line": 0, "character": 0}, {"line": 0, "character": deleted}
        change = {"range": {"start": start, "end": end}, "text": text}
        document = {"uri": URI, "version": self._version}
        parameters = {"textDocument": document, "contentChanges": [change]}
        self._notify("textDocument/didChange", parameters)

    def _notify(self, method: str, parameters: Any) -> None:
        message = {"jsonrpc": "2.0", "method": method, "params": parameters}
        self._victim.send(json.dumps(message).encode())


async def edit_large(session: Session, edits: int) -> list[Figure]:
    """Type at the top of a large document; ask for completions too."""
    session.open(LINE * (LARGE_CHARS // len(LINE)))
    for _ in range(WARM_UP):
        session.insert("x")
        await session.complete(0)
    edit_ms, ask_ms = [], []
    for number in range(edits):
        begun = time.perf_counter()
        session.insert("x")
        await session.settled()
        edit_ms.append((time.perf_counter() - begun) * 1000)
        ask_ms.append(await session.complete(number % 40))
    beside = f"{edits} edits"
    return [
        Figure("1 MB, edit at its top, p99", quantile(edit_ms, 0.99), P99_LIMIT_MS, "ms", beside),
        Figure("1 MB, completion there, p99", quantile(ask_ms, 0.99), P99_LIMIT_MS, "ms", beside),
    ]


async def edit_long(session: Session, victim: Victim, edits: int) -> Figure:
    """Type and delete for long; the daemon must not grow."""
    session.open(LINE * 500)
    before_mib = 0.0
    for number in range(edits):
        if number % 400 < 200:
            session.insert("x")
        else:
            session.delete(1)
        if number % ASK_EVERY == 0:
            await session.complete(0)
        if not before_mib and number >= SETTLED * edits:
            before_mib = resident_mib(victim.process.pid)
    growth_mib = resident_mib(victim.process.pid) - before_mib
    name = f"growth over {edits} edits"
    return Figure(name, growth_mib, GROWTH_LIMIT_MIB, "MiB", f"{before_mib:.0f} MiB resident")


async def measure(edits: int, large_edits: int) -> list[Figure]:
    """Run both, each in a daemon of its own."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        async with InstantPool() as pool:
            victim = await start(folder, pool.url)
            figures += await edit_large(Session(victim), large_edits)
            await victim.let_go()
            victim = await start(folder, pool.url)
            figures.append(await edit_long(Session(victim), victim, edits))
            await victim.let_go()
    return figures


def main() -> None:
    """Measure, print, and say by the exit status whether the limits are kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--edits", type=int, default=100_000)
    arguments = parser.parse_args()
    figures = asyncio.run(measure(arguments.edits, LARGE_EDITS))
    Console().print(table("A long session", figures))
    sys.exit(0 if all(figure.holds for figure in figures) else 1)


if __name__ == "__main__":
    main()

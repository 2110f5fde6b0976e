"""The index process, for real: it builds, answers, watches, comes back, ends with its parent."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from cerebrum_lsp.core.layout import Excerpt
from cerebrum_lsp.indexing.client import IndexClient
from cerebrum_lsp.indexing.messages import Configure, Progress, TextChange
from tests.cerebrum_lsp.indexing.test_ignored import write
from tests.e2e.processes import eventually, until_gone

FILES = {"a.py": "def alpha(one): ...\n"}
MAIN = "from a import alpha\n\nx = "


class Client(IndexClient):
    """A client whose progress a test can await."""

    def __init__(self, folder: Path) -> None:
        self.texts: dict[str, str] = {}
        self.built = asyncio.Event()
        self.folder = folder
        configure = Configure((str(folder),), "utf-16", watches=True)
        super().__init__(configure, lambda: list(self.texts.items()), self._on)

    def _on(self, progress: Progress) -> None:
        if progress.is_complete:
            self.built.set()

    def open(self, name: str, text: str) -> str:
        path = str(self.folder / name)
        self.texts[path] = text
        self.opened(path, text)
        return path

    async def until_built(self) -> None:
        await asyncio.wait_for(self.built.wait(), 30)
        self.built.clear()

    async def ask(self, path: str, line: int, column: int) -> tuple[Excerpt, ...] | None:
        return await self.retrieve(
            path, line, column, budget_chars=3000, shown_chars=100, timeout_s=30
        )

    async def until_context(self, path: str, text: str) -> None:
        async def is_there() -> bool:
            return text in str(await self.ask(path, 2, 4))

        await eventually(is_there, f"{text!r} in the context")


@contextlib.asynccontextmanager
async def indexed(folder: Path) -> AsyncIterator[Client]:
    write(folder, FILES)
    client = Client(folder)
    client.start()
    try:
        await client.until_built()
        yield client
    finally:
        await client.close()


async def test_it_builds_and_answers_for_the_text_that_was_edited_last(tmp_path: Path) -> None:
    async with indexed(tmp_path) as client:
        path = client.open("main.py", "\n\nx = ")
        client.changed(path, (TextChange("from a import alpha", (0, 0), (0, 0)),))
        excerpts = await client.ask(path, 2, 4)
        assert excerpts == (Excerpt("a.py", "def alpha(one): ..."),)


async def test_what_others_write_is_followed(tmp_path: Path) -> None:
    async with indexed(tmp_path) as client:
        path = client.open("main.py", MAIN)
        write(tmp_path, {"a.py": "def alpha(other): ...\n"})
        await client.until_context(path, "def alpha(other)")


async def test_a_killed_process_comes_back_and_knows_what_is_open(tmp_path: Path) -> None:
    async with indexed(tmp_path) as client:
        path = client.open("main.py", MAIN)
        first = client.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await client.until_built()
        assert client.pid != first
        await client.until_context(path, "def alpha(one)")


async def test_whoever_waits_when_it_dies_is_answered(tmp_path: Path) -> None:
    async with indexed(tmp_path) as client:
        path = client.open("main.py", MAIN)
        assert client.pid is not None
        os.kill(client.pid, signal.SIGSTOP)
        asking = asyncio.create_task(client.ask(path, 2, 4))
        await asyncio.sleep(0)
        os.kill(client.pid, signal.SIGKILL)
        assert await asyncio.wait_for(asking, 30) == ()


async def test_closing_leaves_no_process(tmp_path: Path) -> None:
    async with indexed(tmp_path) as client:
        pid = client.pid
    assert pid is not None
    await until_gone(pid)


DAEMON = """
import asyncio, sys
from pathlib import Path
from tests.cerebrum_lsp.indexing.test_process import indexed

async def main():
    async with indexed(Path(sys.argv[1])) as client:
        print(client.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_it_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        DAEMON,
        str(tmp_path),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert parent.stdout is not None
    pid = int(await asyncio.wait_for(parent.stdout.readline(), 30))
    parent.kill()
    await parent.wait()
    await until_gone(pid)

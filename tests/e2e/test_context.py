"""Other files of the workspace on their way into the engine's own prompt; nothing replaced."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types

from tests.cerebrum_lsp.indexing.test_ignored import write
from tests.e2e.editor import Editor, editor
from tests.e2e.pool import Pool, running_pool
from tests.e2e.processes import child_running, until_gone

pytestmark = pytest.mark.e2e

SHORT: dict[str, Any] = {"growingCompletions": False, "maxTokens": 4}
INDEX = "cerebrum_lsp.indexing"
SIGNATURE = "def combine_everything(first_operand, second_operand, third_operand):"
FILES = {"library.py": f"{SIGNATURE}\n    return first_operand\n"}
TEXT = "from library import combine_everything\n\nresult = combine_everything("
WATCHING = types.ClientCapabilities(
    window=types.WindowClientCapabilities(work_done_progress=True),
    workspace=types.WorkspaceClientCapabilities(
        did_change_watched_files=types.DidChangeWatchedFilesClientCapabilities(
            dynamic_registration=True
        )
    ),
)


@pytest.fixture
async def pool(tmp_path: Path) -> AsyncIterator[Pool]:
    folder = tmp_path / "pool"
    folder.mkdir()
    async with running_pool(folder) as pool:
        yield pool


class Session:
    """An editor in a folder; each question is put at a place where none was put before."""

    def __init__(self, client: Editor, folder: Path) -> None:
        self.client = client
        self.uri = (folder / "main.py").as_uri()
        self.numbers = itertools.count(1)

    async def record(self) -> dict[str, Any]:
        """Return what became of a new request that ended by itself, with the engine's figures."""
        while True:
            text = f"# {next(self.numbers)}\n{TEXT}"
            self.client.open(text, self.uri)
            await self.client.ask(text.count("\n"), len(text.rpartition("\n")[2]), self.uri)
            record = await self.client.outcome()
            if record["prompt_tokens"]:
                return record

    async def until_context(self) -> dict[str, Any]:
        """Ask until the index has something to say."""
        while True:
            record = await self.record()
            if record["context_files"]:
                return record


async def test_an_excerpt_of_another_file_reaches_the_engines_prompt(
    pool: Pool, tmp_path: Path
) -> None:
    write(tmp_path / "w", FILES)
    root = (tmp_path / "w").as_uri()
    async with editor(pool.environment, root=root, **SHORT) as client:
        record = await asyncio.wait_for(Session(client, tmp_path / "w").until_context(), 40)
        assert record["context_chars"] >= len(SIGNATURE)
        assert record["stages"]["context_ms"] is not None
        index = child_running(client.pid, INDEX)
        assert await client.goodbye() == 0
    await until_gone(index)
    async with editor(pool.environment, root=root, workspaceContext=False, **SHORT) as client:
        bare = await asyncio.wait_for(Session(client, tmp_path / "w").record(), 40)
        with pytest.raises(AssertionError, match="no child"):
            child_running(client.pid, INDEX)
    # As the engine counts its prompt: a token has about three characters.
    assert record["prompt_tokens"] - bare["prompt_tokens"] > len(SIGNATURE) / 6


async def test_an_editor_that_watches_is_asked_to_and_sees_the_progress(
    pool: Pool, tmp_path: Path
) -> None:
    folder = tmp_path / "w"
    write(folder, {f"m{number}.py": f"def f{number}(): ...\n" * 300 for number in range(200)})
    async with editor(
        pool.environment, root=folder.as_uri(), capabilities=WATCHING, **SHORT
    ) as client:
        await asyncio.wait_for(client.progress_ended.wait(), 40)
        assert types.WORKSPACE_DID_CHANGE_WATCHED_FILES in client.registered
        assert client.progress_kinds[0] == "begin"
        write(folder, FILES)
        changed = types.FileEvent((folder / "library.py").as_uri(), types.FileChangeType.Created)
        client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams([changed]))
        record = await asyncio.wait_for(Session(client, folder).until_context(), 40)
        assert record["context_files"] >= 1

"""Code actions of the real daemon over stdio; no pool is needed for what rules do."""

import ast
import asyncio
import hashlib
import os
import sys
from pathlib import Path

import psutil
import pytest
from lsprotocol import types

from tests.e2e.editor import URI, Editor, editor
from tests.e2e.processes import eventually, isolated, until_gone
from tests.lsp_edits import CAPABLE, document_edits, with_edits

pytestmark = pytest.mark.e2e

CODE = """\
import time


def wait(seconds):
    time.sleep(seconds)  # like this
    return "😀"
"""
CHANGED = (
    CODE.replace("import time", "import asyncio")
    .replace("def wait", "async def wait")
    .replace("time.sleep", "await asyncio.sleep")
)


def alone(folder: Path) -> dict[str, str]:
    """Return an environment in which there is no pool, and none is started."""
    return {**isolated(folder), "CEREBRUM_ORCHESTRATOR_URL": "http://127.0.0.1:9"}


async def offered(client: Editor, uri: str = URI) -> types.CodeAction:
    place = types.Position(4, 0)
    context = types.CodeActionContext([], only=["refactor.rewrite.cerebrum.async"])
    found = await client.text_document_code_action_async(
        types.CodeActionParams(
            types.TextDocumentIdentifier(uri), types.Range(place, place), context
        )
    )
    assert found
    assert isinstance(found[0], types.CodeAction)
    return found[0]


async def test_the_rules_action_is_offered_resolved_applied_and_undone(tmp_path: Path) -> None:
    async with editor(alone(tmp_path), capabilities=CAPABLE) as client:
        client.open(CODE)
        action = await offered(client)
        assert (action.title, action.edit) == ("Refactor `wait` to async", None)
        resolved = await client.code_action_resolve_async(action)
        assert resolved.edit is not None
        (change,) = resolved.edit.document_changes or ()
        assert isinstance(change, types.TextDocumentEdit)
        assert change.text_document == types.OptionalVersionedTextDocumentIdentifier(URI, 1)
        text = with_edits(CODE, document_edits(resolved.edit, URI))
        assert text == CHANGED
        ast.parse(text)
        client.open(text)
        assert await client.command("cerebrum.documentHash", URI) == sha1(CHANGED)
        client.open(CODE)  # the client's undo is an edit like any other
        assert (await offered(client)).title == "Refactor `wait` to async"
        (worker,) = psutil.Process(client.pid).children()
        assert await client.goodbye() == 0
        await until_gone(worker.pid)


async def test_the_process_that_parses_ends_with_a_killed_daemon(tmp_path: Path) -> None:
    async with editor(alone(tmp_path), capabilities=CAPABLE) as client:
        client.open(CODE)
        await client.code_action_resolve_async(await offered(client))
        (worker,) = psutil.Process(client.pid).children()
        psutil.Process(client.pid).kill()
        await until_gone(worker.pid)


def sha1(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


async def test_what_the_workspace_defines_as_async_is_awaited(tmp_path: Path) -> None:
    folder = tmp_path / "workspace"
    (folder / "shop").mkdir(parents=True)
    (folder / "shop" / "db.py").write_text("async def fetch(key):\n    return key\n")
    text = "from shop.db import fetch\n\n\ndef load(key):\n    row = fetch(key)\n    return row\n"
    uri = (folder / "shop" / "orders.py").as_uri()
    async with editor(alone(tmp_path), capabilities=CAPABLE, root=folder.as_uri()) as client:
        client.open(text, uri)
        resolved: list[types.CodeAction] = []

        async def is_awaited() -> bool:
            # The index is built in the background; until then the rules know less.
            action = await offered(client, uri)
            resolved.append(await client.code_action_resolve_async(action))
            return resolved[-1].edit is not None

        await eventually(is_awaited, "the index's knowledge of another file")
        assert resolved[-1].edit is not None
        assert with_edits(text, document_edits(resolved[-1].edit, uri)) == text.replace(
            "def load", "async def load"
        ).replace("= fetch", "= await fetch")


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        pytest.param(["a.py:5", "--action", "async"], 0, "+async def wait(seconds):", id="done"),
        pytest.param(["a.py:1", "--action", "async"], 1, "isn't offered here", id="no function"),
        pytest.param(["a.py:5", "--action", "explain"], 1, "isn't offered here", id="no model"),
        pytest.param(["b.py:5", "--action", "async"], 2, "no such file", id="no file"),
        pytest.param(["--action", "async"], 2, "needs a place", id="no place"),
        pytest.param(["a.py:5", "--action", "frob"], 2, "'explain'", id="no such action"),
    ],
)
async def test_an_action_is_tried_in_the_terminal(
    tmp_path: Path, arguments: list[str], status: int, said: str
) -> None:
    (tmp_path / "a.py").write_text(CODE)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cerebrum_lsp", "try", *arguments),
        cwd=tmp_path,
        env={**os.environ, **alone(tmp_path), "COLUMNS": "100"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 50)
    assert (process.returncode, said in output.decode()) == (status, True), output
    assert (tmp_path / "a.py").read_text() == CODE, "nothing is written"

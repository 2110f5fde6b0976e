"""The next prompt, read ahead in idle time: through the daemon, the pool, and the real engine."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from lsprotocol import types

from tests.e2e.editor import URI, Editor, editor
from tests.e2e.pool import Pool, running_pool
from tests.e2e.processes import eventually

pytestmark = pytest.mark.e2e

MANY = "".join(f"def function_{n}(first):\n    return first + {n}\n\n\n" for n in range(60))
CODE = f"import os\n\n\n{MANY}def last(path):\n    return "
FAR_LINE = 4 * 20 + 4  # the body of a function in the middle


@pytest.fixture
async def pool(tmp_path: Path) -> AsyncIterator[Pool]:
    async with running_pool(tmp_path) as pool:
        yield pool


Told = Callable[[Editor, int, int], Awaitable[None]]


async def asks_for_actions(client: Editor, line: int, column: int) -> None:
    """Do as VS Code does wherever the cursor comes to rest."""
    place = types.Position(line, column)
    params = types.CodeActionParams(
        types.TextDocumentIdentifier(URI), types.Range(place, place), types.CodeActionContext([])
    )
    await client.text_document_code_action_async(params)


async def says_so(client: Editor, line: int, column: int) -> None:
    """Do as our plugin for Neovim does."""
    position = {"line": line, "character": column}
    await client.command("cerebrum.cursor", {"uri": URI, "position": position})


def type_at(client: Editor, line: int, column: int, text: str) -> None:
    place = types.Position(line, column)
    change = types.TextDocumentContentChangePartial(text=text, range=types.Range(place, place))
    client.versions[URI] += 1
    document = types.VersionedTextDocumentIdentifier(client.versions[URI], URI)
    client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))


@pytest.mark.parametrize("tells", [asks_for_actions, says_so])
async def test_where_the_cursor_has_rested_a_request_finds_its_prompt_read(
    pool: Pool, tells: Told
) -> None:
    async with editor(pool.environment, workspaceContext=False) as client:
        await client.until_state("ready")
        client.open("import os\n")
        client.open(CODE)  # an edit: the document is in use
        await client.ask(CODE.count("\n"), len("    return "))
        first = await client.outcome()
        assert first["ahead_tokens"] == 0

        await tells(client, FAR_LINE, len("    return first"))

        async def is_read() -> bool:
            return (await pool.stats()).pre_evaluated_total > 0

        await eventually(is_read, "a prompt that was read ahead")
        type_at(client, FAR_LINE, len("    return first"), " ")
        await client.ask(FAR_LINE, len("    return first "))
        record = await client.outcome()
        read_tokens = record["prompt_tokens"] - record["cached_tokens"]
        assert record["ahead_tokens"] > 100
        assert read_tokens < record["ahead_tokens"] / 4
        node = await pool.node_stats()
        assert node.pre_evaluated_total > 0
        assert node.refused_total == 0
        assert await client.goodbye() == 0

"""The actions that need a model, as an editor meets them: what is offered when, and what comes."""

from pathlib import Path

import attrs
import pytest
from lsprotocol import types

from cerebrum_lsp.core.actions.kinds import (
    ASYNC,
    ASYNC_CALLERS,
    DOCUMENT,
    EXPLAIN,
    FIX,
    INSTRUCT,
    TESTS,
    TYPES,
)
from tests.cerebrum_lsp.actions.bench import URI, bench
from tests.cerebrum_lsp.actions.conftest import INSTRUCTED
from tests.fakes import behaviours
from tests.fakes.node import FakeNode
from tests.lsp_edits import CAPABLE, MODEST
from tests.orchestrator.pool import Service

CODE = """\
import time


def nap(seconds):
    time.sleep(seconds)


def ready() -> bool:
    \"\"\"Tell.\"\"\"
    return True


LIMIT = 3

"""
NAP, READY, LIMIT, BLANK = 3, 7, 12, 13
RULED = [ASYNC, ASYNC_CALLERS]


def problem(line: int, source: str = "linter") -> types.Diagnostic:
    place = types.Range(types.Position(line, 4), types.Position(line, 8))
    return types.Diagnostic(place, "bad name", source=source)


@pytest.mark.parametrize(
    ("line", "kinds"),
    [
        pytest.param(NAP, [*RULED, DOCUMENT, TYPES, TESTS, EXPLAIN], id="a bare function"),
        pytest.param(READY, [*RULED, TESTS, EXPLAIN], id="typed and documented"),
        pytest.param(LIMIT, [EXPLAIN], id="a statement"),
        pytest.param(BLANK, [], id="a blank line"),
    ],
)
async def test_what_is_offered_where(
    pool: Service, monkeypatch: pytest.MonkeyPatch, line: int, kinds: list[str]
) -> None:
    async with bench(pool.url, CODE, monkeypatch) as (editor, _):
        await editor.until_ready()
        assert await editor.kinds(line) == kinds


async def test_what_a_client_cannot_do_is_not_offered(
    pool: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert CAPABLE.workspace is not None
    without_files = attrs.evolve(
        CAPABLE,
        workspace=types.WorkspaceClientCapabilities(apply_edit=True),
    )
    async with bench(pool.url, CODE, monkeypatch, without_files) as (editor, _):
        await editor.until_ready()
        assert TESTS not in await editor.kinds(NAP)


async def test_a_file_of_secrets_is_never_a_models_business(
    pool: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench(pool.url, CODE, monkeypatch) as (editor, _):
        await editor.until_ready()
        item = types.TextDocumentItem("file:///workspace/.env", "python", 1, CODE)
        editor.text_document_did_open(types.DidOpenTextDocumentParams(item))
        here = types.Range(types.Position(NAP, 0), types.Position(NAP, 0))
        found = await editor.text_document_code_action_async(
            types.CodeActionParams(
                types.TextDocumentIdentifier(item.uri), here, types.CodeActionContext([])
            )
        )
        assert [each.kind for each in found or () if isinstance(each, types.CodeAction)] == RULED


async def test_a_function_is_documented(
    pool: Service, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.behaviour = behaviours.ok(["Wait ", "a while."], model=INSTRUCTED)
    async with bench(pool.url, CODE, monkeypatch) as (editor, _):
        await editor.until_ready()
        text = await editor.choose(DOCUMENT, NAP)
        assert text == CODE.replace("(seconds):\n", '(seconds):\n    """Wait a while."""\n')
        assert editor.annotations["cerebrum"].label == "Documented by a model"
        asked = await node.next_request()
        assert asked.model == INSTRUCTED


async def test_half_a_character_in_the_code_does_no_harm(
    pool: Service, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.behaviour = behaviours.ok(["It waits."], model=INSTRUCTED)
    code = CODE.replace("time.sleep(seconds)", "time.sleep(seconds)  # \ud800")
    async with bench(pool.url, code, monkeypatch) as (editor, _):
        await editor.until_ready()
        text = await editor.choose(EXPLAIN, NAP)
        assert text == code.replace("def nap", "# It waits.\ndef nap")


async def test_tests_come_in_a_new_file_and_leave_those_that_are_there(
    pool: Service, node: FakeNode, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tests = "from a import nap\n\n\ndef test_nap():\n    assert nap(0) is None\n"
    node.behaviour = behaviours.ok([f"```python\n{tests}```"], model=INSTRUCTED)
    uri = (tmp_path / "a b.py").as_uri()
    (tmp_path / "test_a b.py").touch()
    async with bench(pool.url, CODE, monkeypatch) as (editor, _):
        await editor.until_ready()
        item = types.TextDocumentItem(uri, "python", 1, CODE)
        editor.text_document_did_open(types.DidOpenTextDocumentParams(item))
        action = await editor.find(TESTS, NAP)
        assert isinstance(action.data, dict)
        resolved = await editor.code_action_resolve_async(
            attrs.evolve(action, data={**action.data, "uri": uri})
        )
        assert resolved.edit is not None
        assert editor.apply(resolved.edit) == CODE
        assert editor.created == {(tmp_path / "test_a b_2.py").as_uri(): tests}


async def test_another_tools_diagnostic_is_fixed(
    pool: Service, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixed = "def nap(time_s):\n    time.sleep(time_s)\n"
    node.behaviour = behaviours.ok([f"```python\n{fixed}```"], model=INSTRUCTED)
    async with bench(pool.url, CODE, monkeypatch) as (editor, _):
        await editor.until_ready()
        reported = [problem(NAP), problem(NAP, source="cerebrum")]
        found = await editor.actions(NAP, only=["quickfix"], diagnostics=reported)
        (action,) = found
        assert (action.kind, action.title) == (FIX, "Fix by a model: bad name")
        assert list(action.diagnostics or ()) == [problem(NAP)]
        text = await editor.resolve(action)
        assert text == CODE.replace("def nap(seconds):\n    time.sleep(seconds)\n", fixed)


async def test_a_free_instruction_is_asked_for_by_the_client_and_carried_out(
    pool: Service, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.behaviour = behaviours.ok(["```python\nLIMIT = 4\n```"], model=INSTRUCTED)
    async with bench(pool.url, CODE, monkeypatch, MODEST, asksForInstructions=True) as (editor, _):
        await editor.until_ready()
        here = types.Range(types.Position(LIMIT, 0), types.Position(LIMIT, 0))
        offered = await editor.text_document_code_action_async(
            types.CodeActionParams(
                types.TextDocumentIdentifier(URI), here, types.CodeActionContext([])
            )
        )
        assert offered is not None
        command = offered[-1]
        assert isinstance(command, types.Command)
        assert command.command == "cerebrum.askInstruction"
        assert command.arguments is not None
        (ticket,) = command.arguments
        assert isinstance(ticket, dict)
        assert ticket["kind"] == INSTRUCT
        said = {**ticket, "words": "one more"}
        asked = types.ExecuteCommandParams("cerebrum.act", [said])
        assert await editor.workspace_execute_command_async(asked) is True
        assert editor.text == CODE.replace("LIMIT = 3", "LIMIT = 4")
        assert "one more" in str((await node.next_request()).messages)


async def test_a_pool_without_room_says_so(
    pool: Service, node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.behaviour = behaviours.refuse(503, retry_after_s=7)
    async with bench(pool.url, CODE, monkeypatch) as (editor, _):
        await editor.until_ready()
        assert await editor.choose(EXPLAIN, NAP) is None
        assert "busy elsewhere" in editor.said

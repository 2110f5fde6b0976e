"""Refactor to async by rules alone, as an editor meets it; no pool is there."""

import attrs
import pytest
from lsprotocol import types

from cerebrum_lsp.core.actions.kinds import ASYNC, ASYNC_CALLERS
from tests.cerebrum_lsp.actions.bench import URI, bench
from tests.lsp_edits import CAPABLE, MODEST

NOBODY = "http://127.0.0.1:9"  # the discard port: nobody listens there

CODE = """\
import time

face = "😀"; pause = 1


def nap(seconds, face="😀"): return time.sleep(seconds)


def twice(n):
    nap(n)
    nap(n)


async def done(): pass"""
NAP, TWICE, DONE = 5, 8, 13
ALONE = (
    CODE.replace("import time", "import asyncio")
    .replace("def nap", "async def nap")
    .replace("time.sleep", "await asyncio.sleep")
)
WITH_CALLERS = ALONE.replace("def twice", "async def twice").replace("    nap", "    await nap")


def encoded(*encodings: types.PositionEncodingKind) -> types.ClientCapabilities:
    general = types.GeneralClientCapabilities(position_encodings=encodings)
    return attrs.evolve(CAPABLE, general=general)


@pytest.mark.parametrize(
    ("kind", "expected"), [(ASYNC, ALONE), (ASYNC_CALLERS, WITH_CALLERS)], ids=["alone", "callers"]
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
async def test_an_action_is_offered_resolved_and_applied(
    monkeypatch: pytest.MonkeyPatch, kind: str, expected: str, newline: str
) -> None:
    async with bench(NOBODY, CODE.replace("\n", newline), monkeypatch) as (editor, _):
        assert await editor.choose(kind, NAP) == expected.replace("\n", newline)
        assert editor.reports == [], "rules answer at once"


async def test_callers_that_are_left_behind_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    async with bench(NOBODY, CODE, monkeypatch) as (editor, _):
        await editor.choose(ASYNC, NAP)
        note = "line 10: `twice` calls `nap` and has to await it"
        await editor.until(note)
        (annotation,) = editor.annotations.values()
        assert annotation == types.ChangeAnnotation("Refactor to async", False, note)


async def test_a_selection_takes_the_functions_that_begin_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with bench(NOBODY, CODE, monkeypatch) as (editor, _):
        assert await editor.choose(ASYNC, NAP - 1, TWICE + 2) == WITH_CALLERS
        assert editor.messages == []


@pytest.mark.parametrize(
    "encoding", [types.PositionEncodingKind.Utf8, types.PositionEncodingKind.Utf16]
)
async def test_the_end_of_a_line_with_astral_characters_is_counted_in_the_clients_units(
    monkeypatch: pytest.MonkeyPatch, encoding: types.PositionEncodingKind
) -> None:
    code = 'import time\n\n\ndef nap(): time.sleep(1); print("😀")'
    async with bench(NOBODY, code, monkeypatch, encoded(encoding)) as (editor, _):
        editor.encoding = encoding.value
        assert await editor.choose(ASYNC, 3) == (
            'import asyncio\n\n\nasync def nap(): await asyncio.sleep(1); print("😀")'
        )


@pytest.mark.parametrize(
    ("line", "kinds"),
    [
        pytest.param(NAP, [ASYNC, ASYNC_CALLERS], id="a function"),
        pytest.param(TWICE + 1, [ASYNC, ASYNC_CALLERS], id="inside a function"),
        pytest.param(DONE, [], id="async already"),
        pytest.param(2, [], id="no function"),
        pytest.param(99, [], id="after the end"),
    ],
)
async def test_what_is_offered_without_a_model(
    monkeypatch: pytest.MonkeyPatch, line: int, kinds: list[str]
) -> None:
    async with bench(NOBODY, CODE, monkeypatch) as (editor, _):
        assert await editor.kinds(line) == kinds


@pytest.mark.parametrize(
    ("only", "count"),
    [
        (["refactor"], 2),
        (["refactor.rewrite.cerebrum.async"], 2),
        (["refactor.rewrite.cerebrum.async.callers"], 1),
        (["quickfix"], 0),
        (["refactor.rewrite.cerebrum.asynchronous"], 0),
    ],
)
async def test_only_kinds_that_are_asked_for_are_offered(
    monkeypatch: pytest.MonkeyPatch, only: list[str], count: int
) -> None:
    async with bench(NOBODY, CODE, monkeypatch) as (editor, _):
        assert len(await editor.actions(NAP, only=only)) == count


async def test_what_the_rules_must_not_do_is_refused_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code = "class A:\n    @property\n    def size(self):\n        return 1\n"
    async with bench(NOBODY, code, monkeypatch) as (editor, _):
        assert await editor.choose(ASYNC, 2) is None
        await editor.until("Refactor `size` to async: ")


async def test_a_client_that_resolves_nothing_gets_a_command_and_is_sent_the_edit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with bench(NOBODY, CODE, monkeypatch, MODEST) as (editor, _):
        here = types.Range(types.Position(NAP, 0), types.Position(NAP, 0))
        params = types.CodeActionParams(
            types.TextDocumentIdentifier(URI), here, types.CodeActionContext([])
        )
        alone, _callers = await editor.text_document_code_action_async(params) or ()
        assert isinstance(alone, types.Command)
        command = types.ExecuteCommandParams(alone.command, alone.arguments)
        assert await editor.workspace_execute_command_async(command) is True
        assert editor.text == ALONE


async def test_a_client_that_can_take_no_edit_is_offered_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with bench(NOBODY, CODE, monkeypatch, types.ClientCapabilities()) as (editor, _):
        assert await editor.kinds(NAP) == []


@pytest.mark.parametrize("data", [None, {}, {"kind": "x"}, ["a"], "text"])
async def test_an_action_that_is_not_ours_is_an_error_and_not_a_crash(
    monkeypatch: pytest.MonkeyPatch, data: object
) -> None:
    async with bench(NOBODY, CODE, monkeypatch) as (editor, _):
        with pytest.raises(Exception, match="parameters"):
            await editor.resolve(types.CodeAction("Strange", data=data))


async def test_a_file_that_does_not_parse_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async with bench(NOBODY, CODE + "\n(", monkeypatch) as (editor, _):
        assert await editor.choose(ASYNC, NAP) is None
        await editor.until("the file doesn't parse")

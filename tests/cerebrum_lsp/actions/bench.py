"""An editor and the daemon in this process, for code actions: real messages both ways.

async with bench(pool_url, CODE) as editor:
    menu = await editor.menu(line)                  # the titles that are offered
    text = await editor.choose(ASYNC, line)         # resolved and applied; None if nothing came
    editor.messages, editor.reports                # what the user saw meanwhile
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from lsprotocol import types
from pygls.io_ import run_async
from pygls.lsp.client import LanguageClient

from cerebrum_lsp.server import CerebrumServer, create_server
from tests.lsp_edits import CAPABLE, document_edits, with_edits

URI = "file:///workspace/a.py"
WAIT_S = 30.0
RESOLVE_ID = "resolve"


class Pipe:
    """A writer whose bytes are read at the other end."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    def write(self, data: bytes) -> None:
        self._reader.feed_data(data)

    def close(self) -> None:
        """Nothing to close: the reader's end is its owner's."""


class Editor(LanguageClient):
    """One editor with one open document."""

    def __init__(self, text: str) -> None:
        super().__init__("bench", "0")
        self.text = text
        self.document_version = 1
        self.messages: list[str] = []
        self.reports: list[dict[str, Any]] = []
        self.token: int | str = ""
        self.states: list[str] = []
        self.encoding = "utf-16"
        self.told = asyncio.Condition()
        self.annotations: dict[str, types.ChangeAnnotation] = {}
        self.created: dict[str, str] = {}
        self._listen()

    async def hello(self, capabilities: types.ClientCapabilities, **options: object) -> None:
        await self.initialize_async(
            types.InitializeParams(
                capabilities=capabilities,
                root_uri="file:///workspace",
                initialization_options=options,
            )
        )
        self.initialized(types.InitializedParams())
        item = types.TextDocumentItem(URI, "python", self.document_version, self.text)
        self.text_document_did_open(types.DidOpenTextDocumentParams(item))

    def type(self, text: str) -> None:
        """Replace the document's text."""
        self.text, self.document_version = text, self.document_version + 1
        self.text_document_did_change(
            types.DidChangeTextDocumentParams(
                types.VersionedTextDocumentIdentifier(version=self.document_version, uri=URI),
                [types.TextDocumentContentChangeWholeDocument(text)],
            )
        )

    async def actions(
        self,
        line: int,
        last_line: int | None = None,
        only: Sequence[str] | None = None,
        diagnostics: Sequence[types.Diagnostic] = (),
    ) -> list[types.CodeAction]:
        """Ask what can be done at some lines."""
        end = types.Position(line if last_line is None else last_line, 0)
        if last_line is not None:
            end = types.Position(last_line + 1, 0)
        found = await self.text_document_code_action_async(
            types.CodeActionParams(
                types.TextDocumentIdentifier(URI),
                types.Range(types.Position(line, 0), end),
                types.CodeActionContext(list(diagnostics), only=only),
            )
        )
        return [each for each in found or () if isinstance(each, types.CodeAction)]

    async def kinds(self, line: int, last_line: int | None = None) -> list[str]:
        """Return the kinds of what is offered."""
        return [str(action.kind) for action in await self.actions(line, last_line)]

    async def find(self, kind: str, line: int, last_line: int | None = None) -> types.CodeAction:
        """Return the one action of a kind."""
        (found,) = [each for each in await self.actions(line, last_line) if each.kind == kind]
        assert found.edit is None, "edits are made when an action is chosen"
        return found

    async def choose(self, kind: str, line: int, last_line: int | None = None) -> str | None:
        """Choose an action; return the text afterwards, None if the action made no edit."""
        action = await self.find(kind, line, last_line)
        return await self.resolve(action)

    async def resolve(self, action: types.CodeAction) -> str | None:
        """Resolve an action and apply its edit."""
        answer = self.protocol.send_request_async(types.CODE_ACTION_RESOLVE, action, RESOLVE_ID)
        resolved = await asyncio.wait_for(answer, WAIT_S)
        if resolved.edit is None:
            return None
        return self.apply(resolved.edit)

    def cancel_resolve(self) -> None:
        """Cancel the request for an action's edit."""
        self.cancel_request(types.CancelParams(RESOLVE_ID))

    def apply(self, edit: types.WorkspaceEdit) -> str:
        """Apply an edit as an editor does, if it is for the version that is open."""
        self.annotations = dict(edit.change_annotations or {})
        for change in edit.document_changes or ():
            if isinstance(change, types.CreateFile):
                self.created[change.uri] = ""
            if isinstance(change, types.TextDocumentEdit):
                self._check_document(change.text_document)
        for uri in self.created:
            self.created[uri] = with_edits("", document_edits(edit, uri))
        return with_edits(self.text, document_edits(edit, URI), self.encoding)

    def _check_document(self, document: types.OptionalVersionedTextDocumentIdentifier) -> None:
        if document.uri == URI:
            assert document.version == self.document_version
        else:
            assert document.uri in self.created

    async def until(self, words: str) -> None:
        """Wait until progress or a message says some words."""
        async with asyncio.timeout(WAIT_S), self.told:
            await self.told.wait_for(lambda: words in self.said)

    async def until_ready(self) -> None:
        """Wait until the daemon knows of a node that serves."""
        async with asyncio.timeout(WAIT_S), self.told:
            await self.told.wait_for(lambda: "ready" in self.states)

    @property
    def said(self) -> str:
        """All that progress and messages have said."""
        reports = [f"{each['kind']}: {each.get('message', '')}" for each in self.reports]
        return "\n".join([*reports, *self.messages])

    def press_cancel(self) -> None:
        """Press the cancel button of the progress that is shown."""
        assert self.reports[0]["cancellable"]
        self.window_work_done_progress_cancel(types.WorkDoneProgressCancelParams(self.token))

    def _listen(self) -> None:
        async def on_create(params: types.WorkDoneProgressCreateParams) -> None:
            self.token = params.token

        async def on_progress(params: types.ProgressParams) -> None:
            assert params.token == self.token
            async with self.told:
                self.reports.append(dict(params.value or {}))
                self.told.notify_all()

        async def on_message(params: types.ShowMessageParams) -> None:
            async with self.told:
                self.messages.append(params.message)
                self.told.notify_all()

        async def on_status(params: Any) -> None:
            async with self.told:
                self.states.append(params.state)
                self.told.notify_all()

        async def on_edit(params: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
            self.text = self.apply(params.edit)
            return types.ApplyWorkspaceEditResult(applied=True)

        self.feature(types.WINDOW_WORK_DONE_PROGRESS_CREATE)(on_create)
        self.feature(types.PROGRESS)(on_progress)
        self.feature(types.WINDOW_SHOW_MESSAGE)(on_message)
        self.feature(types.WORKSPACE_APPLY_EDIT)(on_edit)
        self.feature("cerebrum/status")(on_status)


@contextlib.asynccontextmanager
async def bench(
    pool_url: str,
    text: str,
    monkeypatch: pytest.MonkeyPatch,
    capabilities: types.ClientCapabilities = CAPABLE,
    **options: object,
) -> AsyncIterator[tuple[Editor, CerebrumServer]]:
    """Connect an editor with a daemon whose pool is at `pool_url`."""
    monkeypatch.setenv("CEREBRUM_ORCHESTRATOR_URL", pool_url)
    editor, server = Editor(text), create_server()
    to_server, to_editor = asyncio.StreamReader(), asyncio.StreamReader()
    editor.protocol.set_writer(Pipe(to_server))
    server.protocol.set_writer(Pipe(to_editor))
    loops = [
        asyncio.create_task(
            run_async(
                stop_event=asyncio.Event(),  # type: ignore[arg-type] # only is_set is asked of it
                reader=reader,
                protocol=each.protocol,
                error_handler=fail,
            )
        )
        for each, reader in ((server, to_server), (editor, to_editor))
    ]
    try:
        await editor.hello(capabilities, **options)
        yield editor, server
    finally:
        await server.daemon.close()
        for reader in (to_server, to_editor):
            reader.feed_eof()
        await asyncio.gather(*loops)


def fail(error: Exception, source: object) -> None:
    raise AssertionError(f"{source}: {error}")

"""An editor as tests need one: a real LSP client over stdio, with what the daemon told it."""

import asyncio
import contextlib
import itertools
import os
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Any

from lsprotocol import types
from pygls.lsp.client import LanguageClient

from cerebrum_lsp.daemon import GROWTH, STATUS

ROOT = "file:///workspace"
URI = f"{ROOT}/a.py"
PULLING = types.ClientCapabilities(
    text_document=types.TextDocumentClientCapabilities(
        diagnostic=types.DiagnosticClientCapabilities()
    ),
    workspace=types.WorkspaceClientCapabilities(
        diagnostics=types.DiagnosticWorkspaceClientCapabilities(refresh_support=True)
    ),
)


class Editor(LanguageClient):
    """One editor with one daemon; `open` text, `complete`, and look at what came."""

    def __init__(self) -> None:
        super().__init__("test-editor", "0")
        self.grown: list[str] = []
        self.has_grown = asyncio.Event()
        self.is_grown = asyncio.Event()
        self.states: list[str] = []
        self.state_changed = asyncio.Condition()
        self.messages: list[str] = []
        self.published: list[types.PublishDiagnosticsParams] = []
        self.refreshes = 0
        self.diagnostics_changed = asyncio.Condition()
        self.versions: dict[str, int] = {}
        self.statuses: list[Any] = []
        self.configured: dict[str, object] = {}
        self.pulled = asyncio.Event()
        self.registered: list[str] = []
        self.progress_kinds: list[str] = []
        self.progress_ended = asyncio.Event()
        self.newest = ""
        self._numbers = itertools.count(1)
        self._listen()

    @property
    def times_told(self) -> int:
        """How many changes of diagnostics were told, pushed or to be pulled."""
        return len(self.published) + self.refreshes

    @property
    def pid(self) -> int:
        """The daemon's process id."""
        assert self._server is not None
        return self._server.pid

    async def hello(
        self,
        *,
        pulls: bool = False,
        capabilities: types.ClientCapabilities | None = None,
        root: str = ROOT,
        **options: object,
    ) -> types.InitializeResult:
        """Hold the handshake; a client that `pulls` asks for diagnostics itself."""
        plain = PULLING if pulls else types.ClientCapabilities()
        result = await self.initialize_async(
            types.InitializeParams(
                capabilities=capabilities or plain,
                process_id=os.getpid(),
                root_uri=root,
                initialization_options={"growingCompletions": True, **options},
            )
        )
        self.initialized(types.InitializedParams())
        return result

    def open(self, text: str, uri: str = URI) -> None:
        """Open a document, or replace the text of an open one."""
        self.versions[uri] = version = self.versions.get(uri, 0) + 1
        if version == 1:
            item = types.TextDocumentItem(uri, "python", version, text)
            self.text_document_did_open(types.DidOpenTextDocumentParams(item))
            return
        self.text_document_did_change(
            types.DidChangeTextDocumentParams(
                types.VersionedTextDocumentIdentifier(version=version, uri=uri),
                [types.TextDocumentContentChangeWholeDocument(text)],
            )
        )

    def ask(self, line: int, column: int, uri: str = URI) -> "asyncio.Future[Any]":
        """Ask for a completion; return what will be answered."""
        self.has_grown.clear()
        self.is_grown.clear()
        self.newest = f"completion-{next(self._numbers)}"
        params = types.InlineCompletionParams(
            text_document=types.TextDocumentIdentifier(uri),
            position=types.Position(line, column),
            context=types.InlineCompletionContext(types.InlineCompletionTriggerKind.Invoked),
        )
        answer: asyncio.Future[Any] = self.protocol.send_request_async(
            types.TEXT_DOCUMENT_INLINE_COMPLETION, params, msg_id=self.newest
        )
        return answer

    def cancel_newest(self) -> None:
        """Cancel the completion that was asked for last."""
        self.cancel_request(types.CancelParams(self.newest))

    async def complete(self, text: str, uri: str = URI) -> str | None:
        """Open `text` and complete at its end; return what is shown."""
        self.open(text, uri)
        answer = await self.ask(text.count("\n"), len(text.rpartition("\n")[2]), uri)
        if answer is None or not answer.items:
            return None
        # A growing client is answered with the first line; the rest comes as it is written.
        await asyncio.wait_for(self.is_grown.wait(), 30)
        return self.grown[-1]

    async def command(self, name: str, *arguments: object) -> Any:
        """Run a command of the daemon's."""
        return await self.workspace_execute_command_async(
            types.ExecuteCommandParams(name, arguments=list(arguments))
        )

    async def outcome(self) -> dict[str, Any]:
        """Return what became of the last request."""
        records: list[dict[str, Any]] = await self.command("cerebrum.whyNoCompletion", None)
        return records[0]

    async def until_state(self, state: str) -> None:
        """Wait until the daemon has told of this state of the pool."""
        async with asyncio.timeout(30), self.state_changed:
            await self.state_changed.wait_for(lambda: state in self.states)

    async def pull(self, uri: str = URI) -> list[types.Diagnostic]:
        """Ask for the diagnostics of a document."""
        report = await self.text_document_diagnostic_async(
            types.DocumentDiagnosticParams(types.TextDocumentIdentifier(uri))
        )
        assert isinstance(report, types.RelatedFullDocumentDiagnosticReport)
        return list(report.items)

    async def until_diagnostics(self, count: int) -> None:
        """Wait until so many changes of diagnostics were told."""
        async with asyncio.timeout(30), self.diagnostics_changed:
            await self.diagnostics_changed.wait_for(lambda: self.times_told >= count)

    async def configure(self, **settings: object) -> None:
        """Change the settings; returns when the daemon has asked for them, if it does."""
        self.configured = settings
        self.pulled.clear()
        self.workspace_did_change_configuration(types.DidChangeConfigurationParams(settings))
        await asyncio.wait_for(self.pulled.wait(), 30)
        await self.command("cerebrum.status")  # what was sent before it has been taken in

    async def menu(self, line: int, column: int, uri: str = URI) -> types.CompletionList:
        """Ask for completion items, as editors without inline completion do."""
        params = types.CompletionParams(
            types.TextDocumentIdentifier(uri), types.Position(line, column)
        )
        answer = await self.text_document_completion_async(params)
        assert isinstance(answer, types.CompletionList)
        return answer

    async def goodbye(self) -> int:
        """End the session as an editor does; return the daemon's exit status."""
        assert self._server is not None
        await self.shutdown_async(None)
        self.exit(None)
        return await self._server.wait()

    def _listen(self) -> None:
        def on_growth(params: Any) -> None:
            self.grown.append(params.text)
            self.has_grown.set()
            if params.done:
                self.is_grown.set()

        async def on_status(params: Any) -> None:
            async with self.state_changed:
                self.states.append(params.state)
                self.statuses.append(params)
                self.state_changed.notify_all()

        def on_message(params: types.ShowMessageParams) -> None:
            self.messages.append(params.message)

        async def on_diagnostics(params: types.PublishDiagnosticsParams) -> None:
            async with self.diagnostics_changed:
                self.published.append(params)
                self.diagnostics_changed.notify_all()

        async def on_refresh(_: None) -> None:
            async with self.diagnostics_changed:
                self.refreshes += 1
                self.diagnostics_changed.notify_all()

        def on_configuration(_: types.ConfigurationParams) -> list[object]:
            self.pulled.set()
            return [self.configured]

        self.feature(types.WORKSPACE_CONFIGURATION)(on_configuration)

        def on_registration(params: types.RegistrationParams) -> None:
            self.registered.extend(each.method for each in params.registrations)

        def on_progress(params: types.ProgressParams) -> None:
            value: Any = params.value
            self.progress_kinds.append(value["kind"] if isinstance(value, dict) else value.kind)
            if self.progress_kinds[-1] == "end":
                self.progress_ended.set()

        self.feature(types.CLIENT_REGISTER_CAPABILITY)(on_registration)
        self.feature(types.WINDOW_WORK_DONE_PROGRESS_CREATE)(lambda _: None)
        self.feature(types.PROGRESS)(on_progress)
        self.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(on_diagnostics)
        self.feature(types.WORKSPACE_DIAGNOSTIC_REFRESH)(on_refresh)
        self.feature(GROWTH)(on_growth)
        self.feature(STATUS)(on_status)
        self.feature(types.WINDOW_SHOW_MESSAGE)(on_message)


@contextlib.asynccontextmanager
async def editor(
    environment: Mapping[str, str],
    *,
    pulls: bool = False,
    capabilities: types.ClientCapabilities | None = None,
    root: str = ROOT,
    **options: object,
) -> AsyncIterator[Editor]:
    """Start a daemon as an editor does, and see to it that it ends."""
    client = Editor()
    await client.start_io(
        sys.executable, "-m", "cerebrum_lsp", "--stdio", env={**os.environ, **environment}
    )
    server = client._server
    assert server is not None
    assert server.stderr is not None
    draining = asyncio.create_task(server.stderr.read())
    try:
        await client.hello(pulls=pulls, capabilities=capabilities, root=root, **options)
        yield client
    finally:
        if server.returncode is None:
            client.exit(None)
            try:
                await asyncio.wait_for(server.wait(), 10)
            except TimeoutError:
                server.kill()
        await client.stop()  # type: ignore[no-untyped-call]
        await draining

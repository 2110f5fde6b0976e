"""The language server: one line of wiring for each feature, no logic.

Reading order of the daemon: this file, `daemon.py` (what it wires to), `complete.py`.
"""

import logging

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from cerebrum_kit.logs import event
from cerebrum_lsp import __version__
from cerebrum_lsp.completion_items import TRIGGER_CHARACTERS, wants_items
from cerebrum_lsp.core.actions.kinds import KINDS
from cerebrum_lsp.diagnostics import can_pull
from cerebrum_lsp.protocol import CerebrumProtocol
from cerebrum_lsp.session import document_hash

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cerebrum_lsp.daemon import Daemon


TRIAL_CLIENT = "cerebrum-try"
"""The client's name in `cerebrum-lsp try`, which is nobody's editor."""

log = logging.getLogger(__name__)


class CerebrumServer(LanguageServer):
    """A pygls server, with what this daemon adds to it."""

    protocol: CerebrumProtocol

    def __init__(self) -> None:
        super().__init__("cerebrum-lsp", __version__, protocol_cls=CerebrumProtocol)
        self.initialization_options: object = None
        self._daemon: Daemon | None = None
        self._is_closed = False

    def report_server_error(self, error: Exception, source: object) -> None:
        """Log what went wrong; pygls would show it to the user, with the text of the exception."""
        log.warning(event("message.failed", error=type(error).__name__))

    async def close(self) -> None:
        """Let go of everything; once, whoever asks for it first."""
        was_closed, self._is_closed = self._is_closed, True
        if self._daemon is not None and not was_closed:
            await self._daemon.close()

    @property
    def daemon(self) -> "Daemon":
        """The part that talks to the pool.

        It is imported on first use, after `initialize` has been answered: an HTTP client and its
        kin take longer to import than the handshake may last.
        """
        if self._daemon is None:
            from cerebrum_lsp.daemon import Daemon  # noqa: PLC0415 - see above

            self._daemon = Daemon(self, self.initialization_options)
        return self._daemon


def _report_diagnostics(
    ls: CerebrumServer, params: types.DocumentDiagnosticParams
) -> types.RelatedFullDocumentDiagnosticReport:
    return ls.daemon.diagnostics.report(params.text_document.uri)


async def _complete(ls: CerebrumServer, params: types.CompletionParams) -> types.CompletionList:
    return await ls.daemon.completion(params)


def _asked_for_items(options: object) -> bool | None:
    """Read the one setting that is needed before the others are checked."""
    wanted = options.get("completionItems") if isinstance(options, dict) else None
    return wanted if isinstance(wanted, bool) else None


def session_began(params: types.InitializeParams) -> str:
    """Return the line of the log from which `cerebrum-lsp doctor` knows the editor."""
    client, document = params.client_info, params.capabilities.text_document
    is_trial = client is not None and client.name == TRIAL_CLIENT
    return event(
        "trial.began" if is_trial else "session.began",
        client=client.name if client else "unknown",
        version=client.version if client else None,
        inline_completion=bool(document and document.inline_completion),
    )


def create_server() -> CerebrumServer:
    """Return the server, wired; it does nothing until a client speaks."""
    server = CerebrumServer()
    _wire_session(server)
    _wire_documents(server)
    _wire_workspace(server)
    _wire_answers(server)
    _wire_commands(server)
    return server


def _wire_session(server: CerebrumServer) -> None:
    @server.feature(types.INITIALIZE)
    def _(params: types.InitializeParams) -> None:
        server.initialization_options = params.initialization_options
        log.info(session_began(params))
        server.protocol.keep_documents_as_lines()
        if can_pull(params.capabilities):
            options = types.DiagnosticOptions(
                inter_file_dependencies=False, workspace_diagnostics=False, identifier="cerebrum"
            )
            server.feature(types.TEXT_DOCUMENT_DIAGNOSTIC, options)(_report_diagnostics)
        if wants_items(params.capabilities, _asked_for_items(params.initialization_options)):
            completion = types.CompletionOptions(trigger_characters=TRIGGER_CHARACTERS)
            server.feature(types.TEXT_DOCUMENT_COMPLETION, completion)(_complete)

    @server.feature(types.INITIALIZED)
    async def _(_: types.InitializedParams) -> None:
        server.daemon.start()

    @server.feature(types.SHUTDOWN)
    async def _(_: None) -> None:
        await server.close()


def _wire_documents(server: CerebrumServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def _(params: types.DidOpenTextDocumentParams) -> None:
        server.daemon.index.opened(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def _(params: types.DidCloseTextDocumentParams) -> None:
        server.daemon.closed(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def _(params: types.DidChangeTextDocumentParams) -> None:
        server.daemon.edited(params)
        server.daemon.index.changed(params)


def _wire_workspace(server: CerebrumServer) -> None:
    @server.feature(types.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def _(params: types.DidChangeWatchedFilesParams) -> None:
        server.daemon.index.disk_changed(params)

    @server.feature(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS)
    def _(_: types.DidChangeWorkspaceFoldersParams) -> None:
        server.daemon.index.folders_changed()

    @server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    def _(params: types.DidChangeConfigurationParams) -> None:
        server.daemon.configured(params.settings)


def _wire_answers(server: CerebrumServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())
    async def _(params: types.InlineCompletionParams) -> types.InlineCompletionList | None:
        return await server.daemon.inline_completion(params)

    actions = types.CodeActionOptions(code_action_kinds=KINDS, resolve_provider=True)

    @server.feature(types.TEXT_DOCUMENT_CODE_ACTION, actions)
    async def _(params: types.CodeActionParams) -> list[types.CodeAction | types.Command] | None:
        # Editors ask for actions wherever the cursor rests; in a selection nobody writes.
        if params.range.start == params.range.end:
            server.daemon.cursor_at(params.text_document.uri, params.range.end)
        return await server.daemon.actions.offer(params)

    @server.feature(types.CODE_ACTION_RESOLVE)
    async def _(action: types.CodeAction) -> types.CodeAction:
        return await server.daemon.actions.resolve(action)


def _wire_commands(server: CerebrumServer) -> None:
    # pygls calls issubclass on the first parameter's type unless its name is `ls`.
    @server.command("cerebrum.documentHash")
    def _(ls: CerebrumServer, uri: str) -> str | None:
        return document_hash(ls.workspace, uri)

    @server.command("cerebrum.whyNoCompletion")
    def _(ls: CerebrumServer, *arguments: object) -> list[dict[str, object]]:
        return ls.daemon.why(list(arguments))

    @server.command("cerebrum.act")
    async def _(ls: CerebrumServer, *arguments: object) -> bool:
        return await ls.daemon.actions.act(list(arguments))

    @server.command("cerebrum.accepted")
    def _(ls: CerebrumServer, *arguments: object) -> dict[str, object]:
        return ls.daemon.accepted(list(arguments))

    @server.command("cerebrum.cursor")
    def _(ls: CerebrumServer, *arguments: object) -> None:
        ls.daemon.cursor(list(arguments))

    @server.command("cerebrum.selectModel")
    def _(ls: CerebrumServer, *arguments: object) -> dict[str, object]:
        return ls.daemon.commands.select_model(list(arguments))

    @server.command("cerebrum.setEnabled")
    def _(ls: CerebrumServer, *arguments: object) -> dict[str, object]:
        return ls.daemon.commands.set_enabled(list(arguments))

    @server.command("cerebrum.restartPool")
    async def _(ls: CerebrumServer, *_: object) -> dict[str, object]:
        return await ls.daemon.commands.restart_pool()

    @server.command("cerebrum.status")
    async def _(ls: CerebrumServer, *_: object) -> dict[str, object]:
        return await ls.daemon.commands.status()

"""The language server: one line of wiring for each feature, no logic.

Reading order of the daemon: this file, `daemon.py` (what it wires to), `complete.py`.
"""

import json
import logging

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from cerebrum_kit.logs import event
from cerebrum_lsp import __version__
from cerebrum_lsp.diagnostics import can_pull
from cerebrum_lsp.protocol import CerebrumProtocol
from cerebrum_lsp.session import document_hash

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cerebrum_lsp.daemon import Daemon


MAX_WORKERS = 4  # one reads stdin all the time; the others find or start the pool

log = logging.getLogger(__name__)


class CerebrumServer(LanguageServer):
    """A pygls server, with what this daemon adds to it."""

    protocol: CerebrumProtocol

    def __init__(self) -> None:
        super().__init__(
            "cerebrum-lsp", __version__, protocol_cls=CerebrumProtocol, max_workers=MAX_WORKERS
        )
        self.initialization_options: object = None
        self._daemon: Daemon | None = None

    def report_server_error(self, error: Exception, source: object) -> None:
        """Log what went wrong outside of a request, and answer what can be answered.

        pygls would show it to the user, with the text of the exception.
        """
        log.warning(event("message.failed", error=type(error).__name__))
        if isinstance(error, json.JSONDecodeError | UnicodeDecodeError):
            self.protocol.refuse(None, types.ErrorCodes.ParseError)

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


def create_server() -> CerebrumServer:
    """Return the server, wired; it does nothing until a client speaks."""
    server = CerebrumServer()

    @server.feature(types.INITIALIZE)
    def _(params: types.InitializeParams) -> None:
        server.initialization_options = params.initialization_options
        server.protocol.keep_documents_as_lines()
        if can_pull(params.capabilities):
            options = types.DiagnosticOptions(
                inter_file_dependencies=False, workspace_diagnostics=False, identifier="cerebrum"
            )
            server.feature(types.TEXT_DOCUMENT_DIAGNOSTIC, options)(_report_diagnostics)

    @server.feature(types.INITIALIZED)
    async def _(_: types.InitializedParams) -> None:
        server.daemon.start()

    @server.feature(types.SHUTDOWN)
    async def _(_: None) -> None:
        await server.daemon.close()

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def _(params: types.DidCloseTextDocumentParams) -> None:
        server.daemon.closed(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def _(params: types.DidChangeTextDocumentParams) -> None:
        server.daemon.edited(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())
    async def _(params: types.InlineCompletionParams) -> types.InlineCompletionList | None:
        return await server.daemon.inline_completion(params)

    # pygls calls issubclass on the first parameter's type unless its name is `ls`.
    @server.command("cerebrum.documentHash")
    def _(ls: CerebrumServer, uri: str) -> str | None:
        return document_hash(ls.workspace, uri)

    @server.command("cerebrum.whyNoCompletion")
    def _(ls: CerebrumServer, uri: str | None = None) -> list[dict[str, object]]:
        return ls.daemon.why(uri)

    return server

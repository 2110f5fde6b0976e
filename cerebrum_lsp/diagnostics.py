"""Notices as diagnostics: pushed, or pulled by clients that can, never both (L9)."""

from collections.abc import Iterable

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from cerebrum_lsp.core.notices import Change, Notice, Notices, Severity

SOURCE = "cerebrum"
SEVERITIES: dict[Severity, types.DiagnosticSeverity] = {
    "information": types.DiagnosticSeverity.Information,
    "warning": types.DiagnosticSeverity.Warning,
    "error": types.DiagnosticSeverity.Error,
}


def can_pull(capabilities: types.ClientCapabilities) -> bool:
    """Whether a client asks for diagnostics itself, and can be told when to ask again."""
    document = capabilities.text_document
    workspace = capabilities.workspace
    can_refresh = workspace and workspace.diagnostics and workspace.diagnostics.refresh_support
    return bool(document and document.diagnostic and can_refresh)


def to_lsp(notice: Notice | None) -> list[types.Diagnostic]:
    """Return a notice as the diagnostics of its document: one, or none."""
    if notice is None:
        return []
    start = types.Position(notice.line, 0)
    return [
        types.Diagnostic(
            range=types.Range(start, start),
            message=notice.message,
            severity=SEVERITIES[notice.severity],
            code=notice.code,
            source=SOURCE,
        )
    ]


class Diagnostics:
    """Shows the notices of one client in the way that it wants."""

    def __init__(self, server: LanguageServer, notices: Notices, *, pulls: bool) -> None:
        self._server = server
        self._notices = notices
        self._pulls = pulls

    def show(self, changes: Iterable[Change]) -> None:
        """Carry out what the notices decided."""
        changed = list(changes)
        if self._pulls and changed:
            self._server.workspace_diagnostic_refresh(None)
            return
        for change in changed:
            diagnostics = to_lsp(change.notice)
            self._server.text_document_publish_diagnostics(
                types.PublishDiagnosticsParams(change.uri, diagnostics)
            )

    def report(self, uri: str) -> types.RelatedFullDocumentDiagnosticReport:
        """Answer a client that pulls."""
        diagnostics = to_lsp(self._notices.standing(uri))
        return types.RelatedFullDocumentDiagnosticReport(items=diagnostics)

"""How far the index is, as work-done progress of the protocol, where the client supports that."""

import asyncio
import uuid

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from cerebrum_lsp.indexing.messages import Progress

TITLE = "Indexing the workspace"
LEAST_FILES = 20  # less is done before anybody can read it


class IndexProgress:
    """One bar at a time: it appears when there is much to do, and goes when nothing is left."""

    def __init__(self, server: LanguageServer) -> None:
        self._server = server
        self._token: str | None = None
        self._newest: Progress | None = None
        self._beginning: asyncio.Task[None] | None = None

    def report(self, progress: Progress) -> None:
        """Show how far the work is."""
        window = self._server.client_capabilities.window
        if window is None or not window.work_done_progress:
            return
        self._newest = progress
        if self._beginning is None and progress.total >= LEAST_FILES and not progress.is_complete:
            self._beginning = asyncio.create_task(self._begin(), name="index progress")
        elif self._token is not None:
            self._show(self._token, progress)

    async def _begin(self) -> None:
        token = uuid.uuid4().hex
        try:  # the client may refuse, or be gone: then there is no bar
            await self._server.work_done_progress.create_async(token)
        except (JsonRpcException, RuntimeError):
            return
        begin = types.WorkDoneProgressBegin(title=TITLE, cancellable=False, percentage=0)
        self._server.work_done_progress.begin(token, begin)
        self._token = token
        if self._newest is not None:
            self._show(token, self._newest)

    def _show(self, token: str, progress: Progress) -> None:
        if progress.is_complete:
            self._server.work_done_progress.end(token, types.WorkDoneProgressEnd())
            self._token = self._beginning = None
            return
        report = types.WorkDoneProgressReport(
            message=f"{progress.done} of {progress.total} files",
            percentage=100 * progress.done // progress.total,
        )
        self._server.work_done_progress.report(token, report)

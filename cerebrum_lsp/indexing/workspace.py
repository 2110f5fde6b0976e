"""The workspace of one editor and its index: which folders, which documents, how far it is."""

import asyncio
from pathlib import Path

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

from cerebrum_lsp.core.async_refactor import Facts
from cerebrum_lsp.core.document import Snapshot
from cerebrum_lsp.core.layout import Excerpt
from cerebrum_lsp.documents import encoding_of
from cerebrum_lsp.indexing.client import IndexClient
from cerebrum_lsp.indexing.messages import Configure, TextChange
from cerebrum_lsp.indexing.progress import IndexProgress
from cerebrum_lsp.session import open_document

RETRIEVAL_TIMEOUT_S = 5.0
"""What is not there by then comes from a process that hangs, or is for a place long left."""
FACTS_TIMEOUT_S = 2.0
"""Somebody waits for an action that rules answer at once; without facts they are more careful."""
SEND_WITHIN_S = 0.05
"""Edits are sent together: each message costs both sides more than the edit, and wakes a process
that competes with the answer to the same keystroke. A question takes them along at once."""


class WorkspaceIndex:
    """Keeps an index of the workspace's folders, if there are any and the user wants it."""

    def __init__(self, server: LanguageServer) -> None:
        self._server = server
        self._progress = IndexProgress(server)
        self._client: IndexClient | None = None
        self._is_allowed = False
        self._registering: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._unsent: dict[str, list[TextChange]] = {}
        self._sending: asyncio.TimerHandle | None = None

    def allow(self, allowed: bool) -> None:
        """Begin to index, in the background, or end it: an untrusted workspace is not read."""
        self._is_allowed = allowed
        if allowed:
            self._start()
        elif self._client is not None:
            client, self._client = self._client, None
            self._ending = asyncio.create_task(client.close(), name="end of the index")

    def _start(self) -> None:
        if self._client is not None or not self._folders():
            return
        if self._editor_watches and self._registering is None:
            self._registering = asyncio.create_task(self._register_watcher(), name="watcher")
        self._client = IndexClient(self._configuration(), self._texts, self._progress.report)
        self._client.start()

    async def close(self) -> None:
        """End the index process. Returns when it is gone."""
        if self._registering is not None:
            self._registering.cancel()
        tasks = [task for task in (self._registering, self._ending) if task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.close()
            self._client = None

    def folders_changed(self) -> None:
        """Take note that the workspace has other folders now."""
        if self._client is not None:
            self._client.reconfigure(self._configuration())
        elif self._is_allowed:
            self._start()

    def opened(self, uri: str) -> None:
        """Take note of a document that is open now."""
        document = open_document(self._server.workspace, uri)
        path = to_fs_path(uri)
        self._send_edits()
        if self._client is not None and document is not None and path:
            self._client.opened(path, document.source)

    def changed(self, params: types.DidChangeTextDocumentParams) -> None:
        """Take note of an edit."""
        path = to_fs_path(params.text_document.uri)
        if self._client is not None and path:
            changes = (_change(change) for change in params.content_changes)
            self._unsent.setdefault(path, []).extend(changes)
            if self._sending is None:
                loop = asyncio.get_running_loop()
                self._sending = loop.call_later(SEND_WITHIN_S, self._send_edits)

    def _send_edits(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            self._sending = None
        unsent, self._unsent = self._unsent, {}
        if self._client is not None:
            for path, changes in unsent.items():
                self._client.changed(path, tuple(changes))

    def closed(self, uri: str) -> None:
        """Take note of a document that was closed."""
        path = to_fs_path(uri)
        self._send_edits()
        if self._client is not None and path:
            self._client.closed(path)

    def disk_changed(self, params: types.DidChangeWatchedFilesParams) -> None:
        """Take note of what the editor saw change on the disk."""
        paths = tuple(path for each in params.changes if (path := to_fs_path(each.uri)))
        if self._client is not None and paths:
            self._client.disk_changed(paths)

    async def retrieve(
        self, place: Snapshot, *, budget_chars: int, shown_chars: int
    ) -> tuple[Excerpt, ...] | None:
        """Return what helps at a place, the best first; None when nobody knows now."""
        path = to_fs_path(place.uri)
        if self._client is None or not path:
            return None
        self._send_edits()
        return await self._client.retrieve(
            path,
            place.cursor.line,
            place.cursor.column,
            budget_chars=budget_chars,
            shown_chars=shown_chars,
            timeout_s=RETRIEVAL_TIMEOUT_S,
        )

    async def async_facts(self, uri: str) -> Facts:
        """Return what the workspace knows of a document's imports, nothing while nobody knows."""
        path = to_fs_path(uri)
        if self._client is None or not path:
            return Facts()
        self._send_edits()
        return await self._client.async_facts(path, FACTS_TIMEOUT_S)

    def _configuration(self) -> Configure:
        encoding = encoding_of(self._server.workspace)
        return Configure(self._folders(), encoding, watches=not self._editor_watches)

    def _folders(self) -> tuple[str, ...]:
        workspace = self._server.workspace
        uris = [folder.uri for folder in workspace.folders.values()] or [workspace.root_uri or ""]
        paths = [to_fs_path(uri) for uri in uris if uri.startswith("file:")]
        return tuple(path for path in paths if path and Path(path).is_dir())

    def _texts(self) -> list[tuple[str, str]]:
        self._unsent.clear()  # it is in the texts already
        documents = self._server.workspace.text_documents
        known = [(to_fs_path(uri), document.source) for uri, document in documents.items()]
        return [(path, text) for path, text in known if path]

    @property
    def _editor_watches(self) -> bool:
        """Whether the editor can be asked to tell of changes on the disk."""
        workspace = self._server.client_capabilities.workspace
        watched = workspace.did_change_watched_files if workspace else None
        return bool(watched and watched.dynamic_registration)

    async def _register_watcher(self) -> None:
        everything = [types.FileSystemWatcher(glob_pattern="**/*")]
        registration = types.Registration(
            id="cerebrum-index",
            method=types.WORKSPACE_DID_CHANGE_WATCHED_FILES,
            register_options=types.DidChangeWatchedFilesRegistrationOptions(everything),
        )
        await self._server.client_register_capability_async(
            types.RegistrationParams([registration])
        )


def _change(change: types.TextDocumentContentChangeEvent) -> TextChange:
    if isinstance(change, types.TextDocumentContentChangePartial):
        start, end = change.range.start, change.range.end
        return TextChange(change.text, (start.line, start.character), (end.line, end.character))
    return TextChange(change.text)

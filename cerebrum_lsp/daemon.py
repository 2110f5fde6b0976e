"""What stands behind the server: the pool's client, the completer, the watcher; owns them all."""

import asyncio
import os
from dataclasses import asdict
from datetime import datetime, timedelta

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from cerebrum_lsp.complete import Completer
from cerebrum_lsp.config import Settings, parse_settings, remote_pool
from cerebrum_lsp.core.journal import Journal, Record
from cerebrum_lsp.core.lifecycle import Grow
from cerebrum_lsp.core.notices import Notices
from cerebrum_lsp.diagnostics import Diagnostics, can_pull
from cerebrum_lsp.embedded import FixedAddress, LocalAddresses
from cerebrum_lsp.errors import SettingsError
from cerebrum_lsp.pool import Pool
from cerebrum_lsp.session import open_document, place_after, snapshot
from cerebrum_lsp.status import PoolStatus, StatusWatcher

STATUS = "cerebrum/status"
GROWTH = "cerebrum/inlineCompletionProgress"


class Daemon:
    """The pool's side of one language server; `start` it once, `close` it at the end."""

    def __init__(self, server: LanguageServer, options: object) -> None:
        self._server = server
        address = remote_pool(os.environ)
        self._pool = Pool(FixedAddress(address) if address else LocalAddresses())
        self._journal = Journal()
        self._notices = Notices()
        self.diagnostics = Diagnostics(
            server, self._notices, pulls=can_pull(server.client_capabilities)
        )
        self._completer = Completer(
            self._pool, self._journal, self._settings(options), self._tell_growth, self._observe
        )
        self._watcher = StatusWatcher(self._pool, self._tell_status)
        self._watching: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Find or start the pool, and follow its state."""
        if self._watching is None:
            self._watching = asyncio.create_task(self._watcher.run(), name="pool-events")

    async def close(self) -> None:
        """Cancel what runs and close all connections."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self._completer.close()
        await self._pool.close()

    async def inline_completion(
        self, params: types.InlineCompletionParams
    ) -> types.InlineCompletionList | None:
        """Answer `textDocument/inlineCompletion`: one item, or None for nothing to show."""
        uri, position = params.text_document.uri, params.position
        place = snapshot(self._server.workspace, uri, position)
        if place is None:
            return None

        invoked = types.InlineCompletionTriggerKind.Invoked
        manual = params.context.trigger_kind == invoked
        answer = await self._completer.complete(place, manual=manual)
        if answer.text is None:
            return None
        end = place_after(self._server.workspace, place, answer.covers)
        replaced = types.Range(start=position, end=end)
        return types.InlineCompletionList([types.InlineCompletionItem(answer.text, range=replaced)])

    def edited(self, uri: str) -> None:
        """Take note of an edit that the document already has."""
        document = open_document(self._server.workspace, uri)
        if document is not None:
            self._completer.edited(uri, lambda: document.source)

    def closed(self, uri: str) -> None:
        """Take note that a document was closed."""
        self._completer.closed(uri)
        self.diagnostics.show(self._notices.on_close(uri))

    def why(self, uri: str | None) -> list[dict[str, object]]:
        """Return what became of the last requests, newest first."""
        return [
            {**asdict(record), "tokens_per_s": record.tokens_per_s}
            for record in self._journal.latest(uri)
        ]

    def _settings(self, options: object) -> Settings:
        try:
            return parse_settings(options)
        except SettingsError as error:
            self._server.window_show_message(
                types.ShowMessageParams(types.MessageType.Warning, f"Cerebrum: {error.message}")
            )
            return Settings()

    def _tell_growth(self, growth: Grow) -> None:
        place = growth.place
        self._server.protocol.notify(
            GROWTH,
            {
                "uri": place.uri,
                "version": place.version,
                "position": place_after(self._server.workspace, place, 0),
                "replaceTo": place_after(self._server.workspace, place, growth.covers),
                "text": growth.text,
                "done": growth.is_done,
            },
        )

    def _tell_status(self, status: PoolStatus) -> None:
        self._server.protocol.notify(STATUS, status.to_params())
        if status.state == "ready":
            self.diagnostics.show(self._notices.on_recovery())

    def _observe(self, record: Record) -> None:
        words = words_of(record, datetime.now())
        self.diagnostics.show(
            self._notices.on_outcome(record.uri, record.line, record.outcome, words)
        )


def words_of(record: Record, now: datetime) -> str:
    """Say what happened, on which node, and when it will be tried again."""
    what = record.message or record.outcome
    where = f" ({record.node})" if record.node and record.node not in what else ""
    if record.retry_after_s is None:
        return f"No completion: {what}{where}."
    again = now + timedelta(seconds=record.retry_after_s)
    return f"No completion: {what}{where}; next try after {again:%H:%M:%S}."

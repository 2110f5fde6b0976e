"""What stands behind the server: the pool's client, the completer, the watcher; owns them all."""

import asyncio
import os
from functools import partial

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from cerebrum_lsp import commands
from cerebrum_lsp.actions.actions import CodeActions
from cerebrum_lsp.commands import Commands
from cerebrum_lsp.complete import Completer
from cerebrum_lsp.completion_items import completion_item, word_before
from cerebrum_lsp.configuration import Configuration
from cerebrum_lsp.core.acceptance import Acceptance
from cerebrum_lsp.core.decisions import Grow
from cerebrum_lsp.core.explanations import notice_of
from cerebrum_lsp.core.foresight import Seen
from cerebrum_lsp.core.journal import Journal, Record
from cerebrum_lsp.core.notices import Notices
from cerebrum_lsp.diagnostics import Diagnostics, can_pull
from cerebrum_lsp.documents import Document
from cerebrum_lsp.embedded import addresses_of
from cerebrum_lsp.indexing.workspace import WorkspaceIndex
from cerebrum_lsp.picture import PoolStatus
from cerebrum_lsp.pool import Pool
from cerebrum_lsp.preferences import Preferences
from cerebrum_lsp.session import end_of_change, open_document, place_after, snapshot
from cerebrum_lsp.status import StatusBar, StatusWatcher, backoff_for

STATUS = "cerebrum/status"
GROWTH = "cerebrum/inlineCompletionProgress"


class Daemon:
    """The pool's side of one language server; `start` it once, `close` it at the end."""

    def __init__(self, server: LanguageServer, options: object) -> None:
        self._server = server
        self._preferences = Preferences()
        self._warn(self._preferences.take_options(options))
        self._configuration = Configuration(server, self._configure)
        addresses = addresses_of(os.environ)
        self._pool = Pool(addresses)
        self._journal = Journal()
        self._notices = Notices()
        self._acceptance = Acceptance()
        self.diagnostics = Diagnostics(
            server, self._notices, pulls=can_pull(server.client_capabilities)
        )
        self._bar = StatusBar(self._tell_status)
        self.index = WorkspaceIndex(server)
        self._completer = Completer(
            self._pool,
            self._journal,
            self._preferences.current,
            self._tell_growth,
            self._observe,
            self._bar.work,
            source=self.index,
            context_tokens=self._context_tokens,
        )
        backoff = partial(backoff_for, is_local=addresses.is_local)
        self._watcher = StatusWatcher(self._pool, self._bar.show, backoff)
        self._watching: asyncio.Task[None] | None = None
        self._refusal_over: asyncio.TimerHandle | None = None
        self.actions = CodeActions(
            server,
            self._pool,
            options,
            lambda: self._watcher.picture.nodes,
            lambda: self._preferences.current.model,
            self.index.async_facts,
        )
        self.commands = Commands(
            addresses, self._watcher, self._bar, self._preferences, self._apply, self._reconnect
        )

    def start(self) -> None:
        """Find or start the pool, and follow its state."""
        if self._watching is None:
            self._tell_status(self._bar.status)
            self._watching = asyncio.create_task(self._watcher.run(), name="pool-events")
            self._configuration.start()
            self.index.allow(self._preferences.current.workspace_context)

    async def close(self) -> None:
        """Cancel what runs and close all connections."""
        await self._configuration.close()
        if self._refusal_over is not None:
            self._refusal_over.cancel()
        await self.index.close()
        await self._stop_watching()
        await self._completer.close()
        await self.actions.close()
        await self._pool.close()

    async def inline_completion(
        self, params: types.InlineCompletionParams
    ) -> types.InlineCompletionList | None:
        """Answer `textDocument/inlineCompletion`: one item, no item, or None for no news.

        Neovim's own inline completion goes on showing what it has when the answer is null, also
        where it doesn't fit what was typed since: where there is nothing to say, it is told so.
        """
        uri, position = params.text_document.uri, params.position
        place = snapshot(self._server.workspace, uri, position)
        if place is None:
            return None

        invoked = types.InlineCompletionTriggerKind.Invoked
        manual = params.context.trigger_kind == invoked
        answer = await self._completer.complete(place, manual=manual)
        if answer.text is None:
            says_nothing = answer.outcome.startswith(("nothing-to-say", "filtered:"))
            return types.InlineCompletionList([]) if says_nothing else None
        self._acceptance.on_offer(place, answer.text)
        end = place_after(self._server.workspace, place, answer.covers)
        replaced = types.Range(start=position, end=end)
        return types.InlineCompletionList([types.InlineCompletionItem(answer.text, range=replaced)])

    async def completion(self, params: types.CompletionParams) -> types.CompletionList:
        """Answer `textDocument/completion`, soon, with what there is; there may be more later.

        Menus ask by themselves in the same way as when they are asked to, so both count as
        automatic, unless only what was asked for by hand is wanted at all.
        """
        nothing = types.CompletionList(is_incomplete=True, items=[])
        place = snapshot(self._server.workspace, params.text_document.uri, params.position)
        if place is None:
            return nothing

        settings = self._preferences.current
        manual = settings.trigger == "manual" and _is_invoked(params.context)
        wait_ms = settings.completion_items_wait_ms
        answer = await self._completer.complete(place, manual=manual, wait_ms=wait_ms)
        if answer.text is None:
            return nothing
        self._acceptance.on_offer(place, answer.text)
        end = place_after(self._server.workspace, place, answer.covers)
        word_start = place_after(self._server.workspace, place, -len(word_before(place)))
        item = completion_item(place, answer.text, types.Range(word_start, end))
        return types.CompletionList(is_incomplete=True, items=[item])

    def edited(self, params: types.DidChangeTextDocumentParams) -> None:
        """Take note of an edit that the document already has."""
        uri = params.text_document.uri
        self.actions.edited(uri)
        document = open_document(self._server.workspace, uri)
        if document is not None:
            self._completer.edited(uri, lambda: document.source)
            self._acceptance.on_edit(uri, document.lines)
            for change in params.content_changes[-1:]:
                if position := end_of_change(self._server.workspace, change):
                    self._completer.ahead.wrote(self._seen(document, position))

    def cursor_at(self, uri: str, position: types.Position) -> None:
        """Take note of where the cursor rests."""
        if (document := open_document(self._server.workspace, uri)) is not None:
            self._completer.ahead.seen(self._seen(document, position))

    def _seen(self, document: Document, position: types.Position) -> Seen:
        workspace, uri = self._server.workspace, document.uri
        line, column = position.line, position.character
        place = partial(snapshot, workspace, uri, position)
        return Seen(uri, document.version, line, column, place)

    def closed(self, uri: str) -> None:
        """Take note that a document was closed."""
        self.actions.edited(uri)
        self._completer.closed(uri)
        self.index.closed(uri)
        self._acceptance.on_close(uri)
        self.diagnostics.show(self._notices.on_close(uri))

    def configured(self, pushed: object) -> None:
        """Take note that the client's settings have changed."""
        self._configuration.changed(pushed)

    def why(self, arguments: list[object]) -> list[dict[str, object]]:
        """Return what became of the last requests, newest first."""
        return commands.why(self._journal, arguments)

    def cursor(self, arguments: list[object]) -> None:
        """Take note of where the client says that its cursor rests."""
        self.cursor_at(*commands.cursor(arguments))

    def accepted(self, arguments: list[object]) -> dict[str, object]:
        """Return how often offers were taken."""
        return commands.accepted(self._acceptance, arguments)

    async def _stop_watching(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    async def _reconnect(self) -> None:
        await self._stop_watching()
        self._watcher.start_over()
        self._watching = asyncio.create_task(self._watcher.run(), name="pool-events")

    def _configure(self, configured: object) -> None:
        self._warn(self._preferences.take_configuration(configured))
        self._apply()

    def _apply(self) -> None:
        self._completer.apply(self._preferences.current)
        self.index.allow(self._preferences.current.workspace_context)

    def _context_tokens(self) -> int | None:
        return self._watcher.picture.context_tokens(self._preferences.current.model)

    def _warn(self, problems: tuple[str, ...]) -> None:
        if problems:
            message = f"Cerebrum: {'; '.join(problems)}"
            params = types.ShowMessageParams(types.MessageType.Warning, message)
            self._server.window_show_message(params)

    def _tell_growth(self, growth: Grow) -> None:
        place = growth.place
        self._acceptance.on_offer(place, growth.text)
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
        self._take_back()

    def _take_back(self) -> None:
        if self._bar.status.state in {"ready", "busy"}:
            self.diagnostics.show(self._notices.on_recovery())

    def _observe(self, record: Record) -> None:
        words = notice_of(record.outcome, record.message, record.node, commands.again_at(record))
        self.diagnostics.show(
            self._notices.on_outcome(record.uri, record.line, record.outcome, words)
        )
        if record.retry_after_s is not None:
            self._expect_room(record.retry_after_s)

    def _expect_room(self, wait_s: float) -> None:
        """Take back in `wait_s` what was told of a refusal by a pool that was ready all the while.

        Then no event says that it is over.
        """
        if self._refusal_over is not None:
            self._refusal_over.cancel()
        loop = asyncio.get_running_loop()
        self._refusal_over = loop.call_later(wait_s, self._take_back)


def _is_invoked(context: types.CompletionContext | None) -> bool:
    return context is None or context.trigger_kind == types.CompletionTriggerKind.Invoked

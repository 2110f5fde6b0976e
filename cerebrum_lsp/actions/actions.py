"""Code actions of one client (L8).

codeAction ──▶ a menu, by the syntax at the cursor
resolve ──▶ a run of the maker ──▶ an edit of the version that was asked about, or a message why not
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack

from lsprotocol import types
from pydantic import ValidationError
from pygls.exceptions import JsonRpcInvalidParams
from pygls.lsp.server import LanguageServer

from cerebrum_kit.logs import event
from cerebrum_lsp.actions.abilities import abilities_of
from cerebrum_lsp.actions.maker import Maker
from cerebrum_lsp.actions.menu import Menu, menu
from cerebrum_lsp.actions.progress import progress
from cerebrum_lsp.actions.run import Run
from cerebrum_lsp.actions.to_lsp import Ticket, file_edit, words_of_notes, workspace_edit
from cerebrum_lsp.actions.writer import Report, model_of
from cerebrum_lsp.core.actions.kinds import RULED
from cerebrum_lsp.core.actions.values import Change, Refused, Task
from cerebrum_lsp.core.async_refactor import Facts
from cerebrum_lsp.core.secrets.paths import is_secret_path
from cerebrum_lsp.documents import Document
from cerebrum_lsp.pool import Pool
from cerebrum_lsp.session import open_document, relative_path
from orchestrator.wire import NodeStatus

MOVED_ON = Refused("the document has changed meanwhile, so the edit was withdrawn")
CANCELLED = Refused("cancelled")
NO_MODEL = Refused("no model of the pool follows instructions", is_open=True)

log = logging.getLogger(__name__)


class CodeActions:
    """The actions of one client.

    `nodes` tells what the pool has now, `chosen_model` which model the user wants, `facts` what the
    workspace knows of a document's imports.
    """

    def __init__(
        self,
        server: LanguageServer,
        pool: Pool,
        options: object,
        nodes: Callable[[], Sequence[NodeStatus]],
        chosen_model: Callable[[], str | None],
        facts: Callable[[str], Awaitable[Facts]],
    ) -> None:
        self._server = server
        self._abilities = abilities_of(server.client_capabilities, options)
        self._nodes = nodes
        self._chosen_model = chosen_model
        self._facts = facts
        self._maker = Maker(pool, can_review=self._abilities.takes_annotations)
        self._running: set[Run] = set()

    async def offer(self, params: types.CodeActionParams) -> Menu | None:
        """Answer `textDocument/codeAction`; no edit is made yet."""
        document = open_document(self._server.workspace, params.text_document.uri)
        if document is None or not self._abilities.offers_any:
            return None
        has_model = self._model_for(document) is not None
        return await menu(params, document, self._abilities, has_model=has_model)

    async def resolve(self, action: types.CodeAction) -> types.CodeAction:
        """Answer `codeAction/resolve`: the action with its edit; without, after a message why."""
        action.edit = await self._edit(_read_ticket(action.data))
        return action

    async def act(self, arguments: Sequence[object]) -> bool:
        """Carry out an action for a client that can't resolve one; return whether it was applied.

        Its edit is sent to the client.
        """
        ticket = _read_ticket(arguments[0] if arguments else None)
        edit = await self._edit(ticket)
        if edit is None:
            return False
        answer = await self._server.workspace_apply_edit_async(
            types.ApplyWorkspaceEditParams(edit, ticket.title)
        )
        return answer.applied

    def edited(self, uri: str) -> None:
        """Withdraw what is being made for a document that has changed, or was closed."""
        for run in self._running:
            if run.uri == uri:
                run.stop(MOVED_ON)

    async def close(self) -> None:
        """Stop everything; returns when all streams are closed and no process is left."""
        for run in self._running:
            run.stop(CANCELLED)
        for run in tuple(self._running):
            await run.ended()
        await self._maker.close()

    async def _edit(self, ticket: Ticket) -> types.WorkspaceEdit | None:
        """Return the edit that an action makes; None, after a message, if it makes none."""
        asked_at = time.monotonic()
        document = open_document(self._server.workspace, ticket.uri)
        answer: Change | Refused = MOVED_ON
        if document is not None and document.version == ticket.version:
            answer = await self._run(ticket, document)
        took_ms = (time.monotonic() - asked_at) * 1000
        outcome = "refused" if isinstance(answer, Refused) else "made"
        log.info(event("action.ended", kind=ticket.kind, outcome=outcome, total_ms=took_ms))
        if document is None or isinstance(answer, Refused):
            if isinstance(answer, Refused) and answer is not CANCELLED:
                self._tell(types.MessageType.Warning, f"{ticket.title}: {answer.reason}")
            return None
        if answer.notes:
            self._tell(types.MessageType.Info, f"{answer.label}: {words_of_notes(answer)}")
        if answer.new_file is not None:
            return await asyncio.to_thread(file_edit, answer, answer.new_file, document.uri)
        return workspace_edit(answer, document, self._abilities)

    async def _run(self, ticket: Ticket, document: Document) -> Change | Refused:
        """Make the change; refused if the document isn't the same any more at the end."""
        run = Run(ticket.uri, self._make(ticket, document, lambda: run.stop(CANCELLED)))
        self._running.add(run)
        try:
            answer = await run.answer()
        finally:
            self._running.discard(run)
        still_open = open_document(self._server.workspace, ticket.uri) is document
        is_same = still_open and document.version == ticket.version
        return answer if is_same or isinstance(answer, Refused) else MOVED_ON

    async def _make(
        self, ticket: Ticket, document: Document, on_cancel: Callable[[], None]
    ) -> Change | Refused:
        text, is_ruled = document.source, ticket.kind in RULED
        task = Task(
            kind=ticket.kind,
            path=relative_path(self._server.workspace, document),
            language=document.language_id or "",
            text=text,
            first_line=ticket.first_line,
            last_line=ticket.last_line,
            words=ticket.words,
            facts=await self._facts(ticket.uri) if is_ruled else Facts(),
        )
        ruled = await self._maker.by_rules(task) if is_ruled else NO_MODEL
        model = self._model_for(document)
        if isinstance(ruled, Change) or not ruled.is_open or model is None:
            return ruled
        async with AsyncExitStack() as stack:
            report: Report = _tell_nobody
            if self._abilities.shows_progress:
                shown = progress(self._server, ticket.title, on_cancel)
                report = await stack.enter_async_context(shown)
            return await self._maker.by_model(task, model, report)

    def _model_for(self, document: Document) -> str | None:
        """Return who can be asked about a document; nobody about one that holds secrets (L11)."""
        if is_secret_path(relative_path(self._server.workspace, document)):
            return None
        return model_of(self._nodes(), self._chosen_model())

    def _tell(self, kind: types.MessageType, words: str) -> None:
        self._server.window_show_message(types.ShowMessageParams(kind, f"Cerebrum: {words}"))


def _read_ticket(data: object) -> Ticket:
    try:
        return Ticket.model_validate(data)
    except ValidationError as error:
        raise JsonRpcInvalidParams from error


def _tell_nobody(_: str) -> None:
    """Take the place of progress that a client doesn't show."""

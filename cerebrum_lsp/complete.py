"""Inline completions of one client: each document has a desk, which carries out its lifecycle.

request, edit, token, timer ──▶ core/lifecycle.py ──▶ start, stop, answer, grow (desk.py)
"""

import asyncio
import uuid
from collections.abc import Callable

from cerebrum_lsp.config import Settings
from cerebrum_lsp.core.document import Snapshot
from cerebrum_lsp.core.journal import Journal, Record
from cerebrum_lsp.core.lifecycle import Answer, Grow
from cerebrum_lsp.core.secrets.paths import is_secret_path
from cerebrum_lsp.desk import Desk, Office
from cerebrum_lsp.pool import Pool


class Completer:
    """All documents of one client; `tell` and `observe` are those of `Office`."""

    def __init__(
        self,
        pool: Pool,
        journal: Journal,
        settings: Settings,
        tell: Callable[[Grow], None] = lambda _: None,
        observe: Callable[[Record], None] = lambda _: None,
    ) -> None:
        self._office = Office(pool, journal, settings, tell, observe, client_id=uuid.uuid4().hex)
        self._desks: dict[str, Desk] = {}

    async def complete(self, place: Snapshot, *, manual: bool) -> Answer:
        """Return what to show at `place`; nothing in a file that holds secrets (L11).

        To cancel it withdraws the request; the generation ends a little later, unless somebody
        asks again.
        """
        if is_secret_path(place.path):
            return self._keep_secret(place, manual=manual)
        desk = self._desks.get(place.uri)
        if desk is None:
            desk = self._desks[place.uri] = Desk(self._office)
        return await desk.complete(place, manual=manual)

    def _keep_secret(self, place: Snapshot, *, manual: bool) -> Answer:
        answer = Answer(0, None, "filtered:secret-file")
        trigger = "manual" if manual else "automatic"
        record = Record(place.uri, place.cursor.line, trigger, answer.outcome)
        self._office.journal.add(record)
        return answer

    def edited(self, uri: str, text: Callable[[], str]) -> None:
        """Take note of an edit; `text` returns the document's text as it is now."""
        if (desk := self._desks.get(uri)) is not None:
            desk.edited(text)

    def closed(self, uri: str) -> None:
        """Take note that a document is closed; what is generated for it is stopped."""
        if (desk := self._desks.pop(uri, None)) is not None:
            desk.closed()

    async def finished(self) -> None:
        """Wait until nothing is generated any more."""
        await asyncio.gather(*(desk.finished() for desk in self._desks.values()))

    async def close(self) -> None:
        """Stop everything; returns when all streams are closed."""
        for desk in self._desks.values():
            desk.closed()
        await self.finished()
        self._desks.clear()

"""Inline completions of one client: each document has a desk, which carries out its lifecycle.

request, edit, token, timer ──▶ core/lifecycle.py ──▶ start, stop, answer, grow (desk.py)
"""

import asyncio
import time
import uuid
from collections.abc import Callable

from cerebrum_lsp.ahead import ReadingAhead
from cerebrum_lsp.config import Settings
from cerebrum_lsp.context import Gatherer, Limits, NoSource, Source
from cerebrum_lsp.core.decisions import Answer, Grow
from cerebrum_lsp.core.document import Snapshot
from cerebrum_lsp.core.journal import Journal, Record
from cerebrum_lsp.core.secrets.paths import is_secret_path
from cerebrum_lsp.desk import Desk, Office
from cerebrum_lsp.pool import Pool


class Completer:
    """All documents of one client; `tell` and `observe` are those of `Office`."""

    def __init__(  # noqa: PLR0913 - what it is put together from
        self,
        pool: Pool,
        journal: Journal,
        settings: Settings,
        tell: Callable[[Grow], None] = lambda _: None,
        observe: Callable[[Record], None] = lambda _: None,
        work: Callable[[int], None] = lambda _: None,
        *,
        source: Source | None = None,
        context_tokens: Callable[[], int | None] = lambda: None,
    ) -> None:
        client_id = uuid.uuid4().hex
        gatherer = Gatherer(source or NoSource(), self._limits)
        gatherer.context_tokens = context_tokens
        self.ahead = ReadingAhead(pool, gatherer, journal, self._reader_of)
        gatherer.reads_ahead = lambda: self._office.settings.read_ahead and self.ahead.works

        def works(change: int) -> None:
            self.ahead.work(change)
            work(change)

        def saw(place: Snapshot, is_imminent: bool) -> None:
            self.ahead.saw(place, is_imminent=is_imminent)

        self._office = Office(
            pool, journal, settings, tell, observe, works, client_id, gatherer, saw
        )
        self._desks: dict[str, Desk] = {}

    async def complete(
        self, place: Snapshot, *, manual: bool, wait_ms: int | None = None
    ) -> Answer:
        """Return what to show at `place`; nothing where completions are not wanted (L11).

        Who can't wait for longer than `wait_ms` is answered by then, and gets what came later when
        it asks again. To cancel it withdraws the request; the generation ends a little later,
        unless somebody asks again.
        """
        refusal = self._office.settings.refusal(place.language, manual=manual)
        if refusal is None and is_secret_path(place.path):
            refusal = "secret-file"
        if refusal is not None:
            return self._decline(place, refusal, manual=manual)
        return await self._desk(place.uri).complete(place, manual=manual, wait_ms=wait_ms)

    def _desk(self, uri: str) -> Desk:
        desk = self._desks.get(uri)
        if desk is None:
            desk = self._desks[uri] = Desk(self._office)
        return desk

    def _reader_of(self, place: Snapshot) -> Desk | None:
        """Return the document, if its prompts may be read ahead: as those are that come unasked."""
        settings = self._office.settings
        is_unasked = settings.refusal(place.language, manual=False) is None
        may_read = settings.read_ahead and is_unasked and not is_secret_path(place.path)
        return self._desk(place.uri) if may_read else None

    def apply(self, settings: Settings) -> None:
        """Go by these settings from now on.

        Text that goes on, or was kept, is dropped where it would not be written any more.
        """
        before, self._office.settings = self._office.settings, settings
        self.ahead.forget()
        for desk in self._desks.values():
            is_unwanted = settings.refusal(desk.language, manual=True) is not None
            if is_unwanted or before.model != settings.model:
                desk.forget()

    def _limits(self) -> Limits:
        settings = self._office.settings
        context_chars = settings.context_chars if settings.workspace_context else 0
        return Limits(
            settings.prefix_chars, settings.suffix_chars, context_chars, settings.max_tokens
        )

    def _decline(self, place: Snapshot, refusal: str, *, manual: bool) -> Answer:
        answer = Answer(0, None, f"filtered:{refusal}")
        trigger = "manual" if manual else "automatic"
        line, at = place.cursor.line, time.time()
        self._office.journal.add(Record(place.uri, line, trigger, answer.outcome, at=at))
        return answer

    def edited(self, uri: str, text: Callable[[], str]) -> None:
        """Take note of an edit; `text` returns the document's text as it is now."""
        self.ahead.edited()
        if (desk := self._desks.get(uri)) is not None:
            desk.edited(text)

    def closed(self, uri: str) -> None:
        """Take note that a document is closed; what is generated for it is stopped."""
        self.ahead.forget(uri)
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
        await self.ahead.close()
        self._desks.clear()

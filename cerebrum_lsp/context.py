"""What goes into a request beside the place itself: retrieved while one waits, laid out when sent.

asked ──▶ prefetch: the index looks for excerpts, during the pause that follows the typing
sent  ──▶ gather:   what has come by now goes along; what is late serves the next request
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from cerebrum_lsp.core.budget import ReadingRate
from cerebrum_lsp.core.document import Snapshot, encodable
from cerebrum_lsp.core.layout import Excerpt, Layout
from cerebrum_lsp.core.secrets.redact import redact

PATIENCE_S = 0.02
"""How long a request waits for excerpts that are not there yet: nobody notices it, and they seldom
take longer. What comes later is there for the next request."""


class Source(Protocol):
    """Knows what helps at a place."""

    async def retrieve(
        self, place: Snapshot, *, budget_chars: int, shown_chars: int
    ) -> tuple[Excerpt, ...] | None:
        """Return excerpts without secrets, the best first; None when nobody knows now."""
        ...


class NoSource:
    """There is no workspace."""

    async def retrieve(
        self, place: Snapshot, *, budget_chars: int, shown_chars: int
    ) -> tuple[Excerpt, ...] | None:
        """Return None."""
        return None


@dataclass(frozen=True)
class Limits:
    """How much of each part a request may carry, in characters."""

    prefix_chars: int
    suffix_chars: int
    context_chars: int


@dataclass(frozen=True)
class Gathered:
    """The parts of a request, free of secrets; `waited_ms` for the excerpts."""

    prefix: str
    suffix: str
    excerpts: tuple[Excerpt, ...]
    waited_ms: float

    @property
    def context_chars(self) -> int:
        """How much of it is from other files."""
        return sum(len(each.text) for each in self.excerpts)


class Gatherer:
    """What the documents of one client share: where context comes from, and how fast it is read."""

    def __init__(self, source: Source, limits: Callable[[], Limits]) -> None:
        self.source = source
        self.limits = limits
        self.rate = ReadingRate()

    def for_document(self) -> "DocumentContext":
        """Return the context of a document that has none yet."""
        return DocumentContext(self)


class DocumentContext:
    """One document's context, from one request to the next."""

    def __init__(self, shared: Gatherer) -> None:
        self._shared = shared
        self._limits = shared.limits()
        self._layout = self._new_layout()
        self._looking: asyncio.Task[None] | None = None
        self._wanted: tuple[Excerpt, ...] | None = None

    def prefetch(self, place: Snapshot) -> None:
        """Begin to look for what helps at a place; what was looked for before is left."""
        self._stop_looking()
        if budget_chars := self._budget_chars():
            work = self._look(place, budget_chars)
            self._looking = asyncio.create_task(work, name="retrieval")

    async def gather(self, place: Snapshot, patience_s: float = PATIENCE_S) -> Gathered:
        """Return the parts of a request for a place; `prefetch` has been called for it.

        The excerpts are not waited for as long as the pool would take to answer (`patience_s`).
        """
        begun = time.perf_counter()
        if self._looking is not None and not self._looking.done():
            await asyncio.wait({self._looking}, timeout=min(PATIENCE_S, patience_s))
        waited_ms = (time.perf_counter() - begun) * 1000
        if self._shared.limits() != self._limits:
            self._limits = self._shared.limits()
            self._layout = self._new_layout()
        budget_chars = self._budget_chars()
        excerpts = self._layout.keep(self._wanted or (), budget_chars) if budget_chars else ()
        prefix, suffix = self._layout.window(place.prefix, place.suffix)
        before, after = (redact(encodable(text)).text for text in (prefix, suffix))
        return Gathered(before, after, excerpts, waited_ms)

    def close(self) -> None:
        """Look for nothing any more."""
        self._stop_looking()

    def _new_layout(self) -> Layout:
        return Layout(self._limits.prefix_chars, self._limits.suffix_chars)

    def _budget_chars(self) -> int:
        return self._shared.rate.affordable_chars(self._shared.limits().context_chars)

    async def _look(self, place: Snapshot, budget_chars: int) -> None:
        shown_chars = self._layout.least_prefix_chars
        found = await self._shared.source.retrieve(
            place, budget_chars=budget_chars, shown_chars=shown_chars
        )
        if found is not None:
            self._wanted = found

    def _stop_looking(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None

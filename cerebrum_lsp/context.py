"""What goes into a request beside the place itself: retrieved while one waits, laid out when sent.

asked ──▶ prefetch: the index looks for excerpts, during the pause that follows the typing
sent  ──▶ gather:   what has come by now goes along; what is late serves the next request
idle  ──▶ foresee:  what the next request would bring, so that it can be read ahead; then adopt
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from cerebrum_lsp.core.budget import Fit, ReadingRate
from cerebrum_lsp.core.document import Snapshot, encodable
from cerebrum_lsp.core.layout import Excerpt, Layout, unread_chars
from cerebrum_lsp.core.secrets.redact import redact

PATIENCE_S = 0.02
"""How long a request waits for excerpts that are not there yet: nobody notices it, and they seldom
take longer. What comes later is there for the next request."""


IDLE_PATIENCE_S = 5.0
"""How long idle time waits for excerpts: an index that is being built is slow, and not for ever."""


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
    max_tokens: int = 0
    """What may be generated after it, in the same context."""


@dataclass(frozen=True)
class Gathered:
    """The parts of a request, free of secrets; `waited_ms` for the excerpts."""

    prefix: str
    suffix: str
    excerpts: tuple[Excerpt, ...]
    waited_ms: float

    @property
    def chars(self) -> int:
        """How long it is in all."""
        return len(self.prefix) + len(self.suffix) + self.context_chars

    @property
    def context_chars(self) -> int:
        """How much of it is from other files."""
        return sum(len(each.text) for each in self.excerpts)


@dataclass(frozen=True)
class Foreseen:
    """What the next request would bring; about so much of it would have to be read anew."""

    context: Gathered
    unread_chars: int
    layout: Layout


class Gatherer:
    """What the documents of one client share: where context comes from, and how fast it is read.

    `reads_ahead` says whether prompts are read ahead in idle time, as far as anybody knows;
    `context_tokens` how many a prompt and its answer may have together, if anybody has said so.
    """

    def __init__(self, source: Source, limits: Callable[[], Limits]) -> None:
        self.source = source
        self.limits = limits
        self.rate = ReadingRate()
        self.reads_ahead: Callable[[], bool] = lambda: False
        self.context_tokens: Callable[[], int | None] = lambda: None

    def for_document(self) -> "DocumentContext":
        """Return the context of a document that has none yet."""
        return DocumentContext(self)


class DocumentContext:
    """One document's context, from one request to the next."""

    def __init__(self, shared: Gatherer) -> None:
        self._shared = shared
        self._fit = Fit()
        self._limits = self._fitting()
        self._layout = Layout(self._limits.prefix_chars, self._limits.suffix_chars)
        self._looking: asyncio.Task[None] | None = None
        self._wanted: tuple[Excerpt, ...] | None = None
        self._looked_at: Snapshot | None = None
        self._held: Gathered | None = None

    def prefetch(self, place: Snapshot) -> None:
        """Begin to look for what helps at a place; what was looked for before is left."""
        self._stop_looking()
        self._looked_at = place
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
        self._mind_limits()
        is_patient = self._shared.reads_ahead()
        self._held = self._laid_out(self._layout, place, waited_ms, is_patient=is_patient)
        return self._held

    async def foresee(self, place: Snapshot, *, renews: bool) -> Foreseen:
        """Return what a request for a place would bring.

        `renews`: with the excerpts that are wanted there now, if those of the last request tell
        too little. Nothing changes by it until what was foreseen is adopted.
        """
        if self._looked_at != place:
            self.prefetch(place)
        if self._looking is not None and not self._looking.done():
            await asyncio.wait({self._looking}, timeout=IDLE_PATIENCE_S)
        self._mind_limits()
        layout = self._layout.copy()
        context = self._laid_out(layout, place, 0.0, is_patient=not renews)
        held = None if self._held is None else _parts(self._held)
        return Foreseen(context, unread_chars(held, _parts(context)), layout)

    def adopt(self, foreseen: Foreseen) -> None:
        """Go on from what was foreseen: the engine has read it."""
        self._layout, self._held = foreseen.layout, foreseen.context

    def on_prompt(self, context: Gathered, prompt_tokens: int) -> None:
        """Take note of how long the node has made a prompt of these parts."""
        limits = self._limits
        most_chars = limits.prefix_chars + limits.suffix_chars + limits.context_chars
        share = min(1.0, context.chars / most_chars) if most_chars else 1.0
        self._fit.on_prompt(prompt_tokens, share, self._room_tokens(limits))

    def _mind_limits(self) -> None:
        limits = self._fitting()
        if limits != self._limits:
            self._limits = limits
            self._layout = self._layout.resized(limits.prefix_chars, limits.suffix_chars)

    def _fitting(self) -> Limits:
        """Return the limits, as far as the node has room for what they let through."""
        limits = self._shared.limits()
        room_tokens = self._room_tokens(limits)
        wanted_chars = limits.prefix_chars + limits.suffix_chars + limits.context_chars
        share = self._fit.of(wanted_chars, room_tokens)
        return replace(
            limits,
            prefix_chars=int(limits.prefix_chars * share),
            suffix_chars=int(limits.suffix_chars * share),
            context_chars=int(limits.context_chars * share),
        )

    def _room_tokens(self, limits: Limits) -> int | None:
        context_tokens = self._shared.context_tokens()
        return None if context_tokens is None else context_tokens - limits.max_tokens

    def _laid_out(
        self, layout: Layout, place: Snapshot, waited_ms: float, *, is_patient: bool
    ) -> Gathered:
        budget_chars, wanted = self._budget_chars(), self._wanted or ()
        excerpts = layout.keep(wanted, budget_chars, is_patient=is_patient) if budget_chars else ()
        prefix, suffix = layout.window(place.prefix, place.suffix)
        before, after = (redact(encodable(text)).text for text in (prefix, suffix))
        return Gathered(before, after, excerpts, waited_ms)

    def close(self) -> None:
        """Look for nothing any more."""
        self._stop_looking()

    def _budget_chars(self) -> int:
        return self._shared.rate.affordable_chars(self._limits.context_chars)

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


def _parts(context: Gathered) -> tuple[tuple[Excerpt, ...], str, str]:
    return context.excerpts, context.prefix, context.suffix

"""Has the pool read the prompt of the next request while nobody needs it: the shell of `Foresight`.

It shares documents, layouts and keys with the requests, so that what is read lies in the slot to
which the next request comes, and is what that request brings.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Protocol

from cerebrum_kit.logs import event
from cerebrum_kit.wire import ProgressEvent, StreamError
from cerebrum_lsp.context import DocumentContext, Foreseen, Gathered, Gatherer
from cerebrum_lsp.core.budget import CHARS_PER_TOKEN
from cerebrum_lsp.core.document import Snapshot
from cerebrum_lsp.core.foresight import Decision, Ending, Foresight, Leave, Look, Read, Seen
from cerebrum_lsp.core.journal import Journal
from cerebrum_lsp.errors import DaemonError
from cerebrum_lsp.pool import Pool
from orchestrator.wire import CompleteRequest, DoneEvent

ASSUMED_TOKENS_PER_S = 100.0  # of a pool that has not shown how fast it reads: a small model's CPU

log = logging.getLogger(__name__)


class Reader(Protocol):
    """A document whose prompts can be read ahead."""

    @property
    def context(self) -> DocumentContext:
        """What goes into its requests."""
        ...

    def request(self, place: Snapshot, context: Gathered) -> CompleteRequest:
        """Return the request for a place."""
        ...

    def on_read_ahead(self, tokens: int) -> None:
        """Take note that so many tokens of its next prompt were read ahead."""
        ...


@dataclass(frozen=True)
class _Found:
    reader: Reader
    place: Snapshot
    foreseen: Foreseen


class ReadingAhead:
    """All documents of one client; `reader_of` returns None where nothing is to be read ahead."""

    def __init__(
        self,
        pool: Pool,
        gatherer: Gatherer,
        journal: Journal,
        reader_of: Callable[[Snapshot], Reader | None],
    ) -> None:
        self._pool = pool
        self._gatherer = gatherer
        self._counts = journal.read_ahead
        self._reader_of = reader_of
        self._machine = Foresight()
        self._task: asyncio.Task[None] | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self._found: _Found | None = None
        self._wrote: tuple[str, int] | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def works(self) -> bool:
        """Whether the pool reads ahead, as far as it has shown."""
        return self._machine.has_worked

    def saw(self, place: Snapshot, *, is_imminent: bool = False) -> None:
        """Take note that the cursor is at a place; `is_imminent`: a request is about to be sent."""
        cursor = place.cursor
        seen = Seen(
            place.uri, place.version, cursor.line, cursor.column, lambda: place, is_imminent
        )
        self.seen(seen)

    def seen(self, seen: Seen) -> None:
        """Take note of where the cursor is."""
        self._do(self._machine.seen(seen, self._now()))

    def wrote(self, seen: Seen) -> None:
        """Take note of where an edit ended: where editors will soon ask.

        On another line than the last one's much of the prompt is new.
        """
        line = (seen.uri, seen.line)
        if line != self._wrote:
            self.seen(replace(seen, is_imminent=True))
        self._wrote = line

    def edited(self) -> None:
        """Take note that something is being written."""
        self._machine.edited(self._now())

    def work(self, change: int) -> None:
        """Take note that a generation begins (1) or has ended (-1); who reads ahead makes way."""
        self._do(self._machine.work(change))

    def forget(self, uri: str | None = None) -> None:
        """Leave what is about one document, or everything."""
        self._do(self._machine.forget(uri))

    async def close(self) -> None:
        """Leave everything."""
        self._do(self._machine.forget())
        await asyncio.gather(*self._leaving, return_exceptions=True)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _do(self, decisions: list[Decision]) -> None:
        for decision in decisions:
            match decision:
                case Look():
                    self._begin(self._look(decision))
                case Read():
                    self._begin(self._read())
                case Leave():
                    self._leave()
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if (at := self._machine.next_at()) is not None:
            self._timer = asyncio.get_running_loop().call_at(at, self._on_timer)

    def _on_timer(self) -> None:
        at = self._machine.next_at() or 0.0
        self._do(self._machine.tick(max(at, self._now())))

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        self._task = asyncio.create_task(work, name="read ahead")

    def _leave(self) -> None:
        task, self._task, self._found = self._task, None, None
        if task is not None and not task.done():
            task.cancel()
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)

    async def _look(self, look: Look) -> None:
        place = look.seen.place()
        reader = None if place is None else self._reader_of(place)
        if place is None or reader is None:
            self._do(self._machine.forget())
            return
        foreseen = await reader.context.foresee(place, renews=look.renews)
        self._found = _Found(reader, place, foreseen)
        rate = self._gatherer.rate.tokens_per_s or ASSUMED_TOKENS_PER_S
        takes_s = foreseen.unread_chars / CHARS_PER_TOKEN / rate
        self._do(self._machine.found(foreseen.unread_chars, takes_s, self._now()))

    async def _read(self) -> None:
        found = self._found
        assert found is not None  # noqa: S101 - what is read was found before
        ending: Ending = "refused"
        try:
            ending = await self._exchange(found)
        except DaemonError as error:
            log.debug(event("ahead.refused", error=error.code))
        except Exception as error:  # nobody waits for it; the next requests will tell
            log.error(event("ahead.crashed", error=type(error).__name__))
        self._counts.add(ending)
        self._do(self._machine.ended(ending, self._now()))

    async def _exchange(self, found: _Found) -> Ending:
        request = found.reader.request(found.place, found.foreseen.context)
        request = request.model_copy(update={"purpose": "pre-evaluate"})
        tokens = 0
        try:
            async with aclosing(self._pool.complete(request)) as events:
                async for each in events:
                    match each:
                        case ProgressEvent(stage="prefill"):
                            tokens = _tokens_read(each)
                        case DoneEvent():
                            tokens = each.usage.prompt_tokens - each.usage.cached_tokens
                            return self._on_done(found, each, tokens)
                        case StreamError():
                            return "refused"
        finally:
            self._counts.tokens += tokens
            found.reader.on_read_ahead(tokens)
        return "refused"

    def _on_done(self, found: _Found, done: DoneEvent, tokens: int) -> Ending:
        if done.finish_reason == "cancelled":
            return "cut"
        found.reader.context.adopt(found.foreseen)
        self._gatherer.rate.on_prefill(tokens, done.node_timings.prefill_ms)
        found.reader.context.on_prompt(found.foreseen.context, done.usage.prompt_tokens)
        return "read"


def _tokens_read(progress: ProgressEvent) -> int:
    processed, cached = (progress.detail.get(name) for name in ("processed", "cached"))
    if not isinstance(processed, int) or not isinstance(cached, int):
        return 0
    return max(0, processed - cached)

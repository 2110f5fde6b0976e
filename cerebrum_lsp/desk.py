"""One document's completions: the shell of its lifecycle, with its tasks and its timer."""

import asyncio
import itertools
import logging
import time
import uuid
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass

from cerebrum_kit.logs import event
from cerebrum_kit.wire import Infill, Snippet, Usage
from cerebrum_lsp.config import Settings
from cerebrum_lsp.context import Gathered, Gatherer
from cerebrum_lsp.core.decisions import Answer, Ask, Decision, Grow, Start, Stop
from cerebrum_lsp.core.document import Snapshot
from cerebrum_lsp.core.journal import Journal, Record, Stages
from cerebrum_lsp.core.lifecycle import Completions
from cerebrum_lsp.core.shape import shape_of
from cerebrum_lsp.errors import DaemonError, PoolRefusalError
from cerebrum_lsp.generation import Generation, outcome_of
from cerebrum_lsp.pool import Pool
from orchestrator.wire import CompleteRequest

PATIENCE = 0.25  # excerpts are waited for by a part of the time that the pool takes: not noticed
KEPT_GENERATIONS = 32  # as many runs as a document's lifecycle can still answer from, and some

log = logging.getLogger(__name__)


@dataclass
class Office:
    """What all documents of a client share; the settings may be replaced at any time.

    `tell` is called with what a growing client is to be told, `observe` with what became of each
    request, `work` with 1 when a generation begins and with -1 when it has ended, `saw` with a
    place where the cursor rests, and whether a request for it is about to be sent.
    """

    pool: Pool
    journal: Journal
    settings: Settings
    tell: Callable[[Grow], None]
    observe: Callable[[Record], None]
    work: Callable[[int], None]
    client_id: str
    gatherer: Gatherer
    saw: Callable[[Snapshot, bool], None]


@dataclass(frozen=True)
class _Waiting:
    """A request that is to be answered."""

    answer: "asyncio.Future[Answer]"
    place: Snapshot
    manual: bool
    asked_at: float


class Desk:
    """One document's lifecycle with its tasks, its timer and those who wait."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._loop = asyncio.get_running_loop()
        self._machine = Completions(grows=office.settings.growing_completions)
        self.context = office.gatherer.for_document()
        self._place: Snapshot | None = None
        self._ahead_tokens = 0
        self._waiting: dict[int, _Waiting] = {}
        self._unfinished: list[tuple[_Waiting, Answer, Record]] = []
        self._runs: dict[int, asyncio.Task[None]] = {}
        self._generations: dict[int, Generation] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._ask_ids = itertools.count(1)
        self.language = ""

    async def complete(
        self, place: Snapshot, *, manual: bool, wait_ms: int | None = None
    ) -> Answer:
        """Ask, and wait for the answer, at most `wait_ms` if that is given."""
        now = self._loop.time()
        self.language, self._place = place.language, place
        comes_again = wait_ms is not None
        wait_s = (self._deadline_ms(manual) if wait_ms is None else wait_ms) / 1000
        ask_id = next(self._ask_ids)
        waiting = _Waiting(self._loop.create_future(), place, manual, now)
        self._waiting[ask_id] = waiting
        ask = Ask(ask_id, place, manual, now + wait_s, comes_again)
        decisions = self._machine.ask(ask, now)
        if self._machine.start_at is not None or any(isinstance(each, Start) for each in decisions):
            self.context.prefetch(place)
        self._do(decisions)
        if self._machine.start_at is not None:
            self._office.saw(place, True)
        try:
            return await waiting.answer
        except asyncio.CancelledError:
            if self._waiting.pop(ask_id, None) is not None:
                self._do(self._machine.cancel(ask_id, self._loop.time()))
                self._record(waiting, Answer(ask_id, None, "cancelled"))
            raise

    def edited(self, text: Callable[[], str]) -> None:
        """Take note of an edit."""
        self._do(self._machine.edit(text, self._loop.time()))

    def on_read_ahead(self, tokens: int) -> None:
        """Take note that so many tokens of the next prompt were read ahead."""
        self._ahead_tokens += tokens

    def closed(self) -> None:
        """Drop everything."""
        self._place = None
        self.context.close()
        self._do(self._machine.close())

    def forget(self) -> None:
        """Drop what was written and what is being written: it would not be written any more."""
        self._do(self._machine.close())

    async def finished(self) -> None:
        """Wait until no stream is open any more."""
        await asyncio.gather(*self._runs.values(), return_exceptions=True)

    def _deadline_ms(self, manual: bool) -> int:
        settings = self._office.settings
        return settings.manual_deadline_ms if manual else settings.automatic_deadline_ms

    def _do(self, decisions: list[Decision]) -> None:
        for decision in decisions:
            match decision:
                case Start():
                    self._start(decision)
                case Stop(run_id):
                    self._runs[run_id].cancel()
                case Answer():
                    self._answer(decision)
                case Grow():
                    self._office.tell(decision)
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if (at := self._machine.next_at()) is not None:
            self._timer = self._loop.call_at(at, self._on_timer)

    def _on_timer(self) -> None:
        # The loop may call a little early, within its clock's resolution.
        at = self._machine.next_at() or 0.0
        self._do(self._machine.tick(max(at, self._loop.time())))

    def _start(self, start: Start) -> None:
        generation = Generation(sent_at=self._loop.time(), ahead_tokens=self._ahead_tokens)
        self._ahead_tokens = 0
        self._generations[start.run_id] = generation
        self._generations.pop(start.run_id - KEPT_GENERATIONS, None)
        task = asyncio.create_task(self._run(start, generation), name=f"run {start.run_id}")
        self._runs[start.run_id] = task
        task.add_done_callback(lambda _: self._ended(start.run_id, generation))
        self._office.work(1)

    def _ended(self, run_id: int, generation: Generation) -> None:
        self._runs.pop(run_id, None)
        self._office.work(-1)
        if self._place is not None:
            self._office.saw(self._place, False)
        if (rate := generation.tokens_per_s) is not None:
            self._machine.pace.on_rate(rate)
        self._complete_records(run_id)

    async def _run(self, start: Start, generation: Generation) -> None:
        outcome = "shown"
        try:
            await self._receive(start, generation)
        except PoolRefusalError as error:
            outcome, generation.message = outcome_of(error.reason), error.message
            generation.retry_after_s = error.retry_after_s
        except DaemonError as error:
            outcome, generation.message = f"failed:{error.code}", error.message
        except Exception as error:  # whatever it is, whoever waits is answered
            log.error(event("run.crashed", error=type(error).__name__))
            outcome = "failed:internal"
        if generation.error is not None:
            outcome = outcome_of(generation.error.error)
        if (done := generation.done) is not None:
            read_tokens = done.usage.prompt_tokens - done.usage.cached_tokens
            self._office.gatherer.rate.on_prefill(read_tokens, done.node_timings.prefill_ms)
            if generation.context is not None:
                self.context.on_prompt(generation.context, done.usage.prompt_tokens)
        is_cut = generation.done is not None and generation.done.finish_reason == "length"
        self._do(self._machine.end(start.run_id, outcome, is_cut=is_cut))

    async def _receive(self, start: Start, generation: Generation) -> None:
        patience_s = self._machine.pace.first_token_s * PATIENCE
        generation.context = await self.context.gather(start.place, patience_s)
        generation.sent_at = self._loop.time()
        request = self.request(start.place, generation.context)
        async with aclosing(self._office.pool.complete(request)) as events:
            async for incoming in events:
                is_first = generation.first_token_at is None
                now = self._loop.time()
                if piece := generation.take(incoming, now):
                    if is_first:
                        self._machine.pace.on_first_token(now - generation.sent_at)
                    self._do(self._machine.grow(start.run_id, piece))

    def request(self, place: Snapshot, context: Gathered) -> CompleteRequest:
        """Return what to ask the pool for.

        Without a deadline: that is ours, for the answer. The pool would refuse what a slow node
        can't complete by then, while half of it, or all of it a little later, is of use.
        """
        settings = self._office.settings
        shape = shape_of(place, settings.max_tokens)
        return CompleteRequest(
            infill=Infill(prefix=context.prefix, suffix=context.suffix, path=place.path),
            snippets=[Snippet(path=each.path, text=each.text) for each in context.excerpts],
            language=place.language,
            max_tokens=self._machine.pace.affordable_tokens(
                shape.max_tokens, grows=settings.growing_completions
            ),
            stop=list(shape.stop),
            temperature=0.0,
            model=settings.model,
            mode="fast",
            client_id=self._office.client_id,
            document_id=uuid.uuid5(uuid.NAMESPACE_URL, place.uri).hex,
        )

    def _answer(self, answer: Answer) -> None:
        waiting = self._waiting.pop(answer.ask_id, None)
        if waiting is None:
            return
        if not waiting.answer.done():
            waiting.answer.set_result(answer)
        self._record(waiting, answer)

    def _record(self, waiting: _Waiting, answer: Answer) -> None:
        total_ms = (self._loop.time() - waiting.asked_at) * 1000
        record = self._record_of(waiting, answer, total_ms)
        self._office.journal.add(record)
        self._office.observe(record)
        if answer.run_id is not None:
            self._unfinished.append((waiting, answer, record))
        log.debug(event("completion.ended", outcome=answer.outcome, total_ms=total_ms))

    def _complete_records(self, run_id: int) -> None:
        """Add what a run's end has told to the records of answers that were given before it."""
        for waiting, answer, record in self._unfinished:
            if answer.run_id == run_id:
                by = self._record_of(waiting, answer, record.stages.total_ms)
                self._office.journal.replace(record, by=by)
        self._unfinished = [each for each in self._unfinished if each[1].run_id != run_id]

    def _record_of(self, waiting: _Waiting, answer: Answer, total_ms: float) -> Record:
        generation = self._generations.get(answer.run_id) if answer.run_id else None
        stages = Stages(total_ms=total_ms)
        if generation is not None:
            stages = generation.stages(waiting.asked_at, total_ms)
        usage = generation.usage if generation else Usage()
        context = generation.context if generation else None
        return Record(
            uri=waiting.place.uri,
            line=waiting.place.cursor.line,
            trigger="manual" if waiting.manual else "automatic",
            outcome=answer.outcome,
            message=generation.message if generation else "",
            retry_after_s=generation.retry_after_s if generation else None,
            node=generation.node if generation else None,
            model=generation.model if generation else None,
            prompt_tokens=usage.prompt_tokens,
            cached_tokens=usage.cached_tokens,
            completion_tokens=usage.completion_tokens,
            context_files=len(context.excerpts) if context else 0,
            context_chars=context.context_chars if context else 0,
            ahead_tokens=generation.ahead_tokens if generation else 0,
            stages=stages,
            at=time.time(),
        )

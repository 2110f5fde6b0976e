"""How much of each prompt the engine has to read anew while somebody edits.

    python -m benchmarks.kv_reuse [--requests N] [--model FILE] [--evals FOLDER] [--json]

Two sessions are replayed on the real engine, by their own clock, through the daemon's completer:

    recorded   a Svelte component, by Joseph Gentle: typing, deleting and jumping about; one request
               after each second in which something was edited
    typed      a Python file, typed from its beginning, five keys a second

Both among the files of a Python repository, of which the index tells: the recorded session's own
repository was not recorded, so little of it helps there, and what a jump leaves in the cache is
little too. Evaluated and cached tokens are the engine's own figures.

Time passes on the session's clock: pauses are skipped while nothing is computed (those of more than
ten minutes count as ten), and what the engine computes takes its real time on it. What the pool
reads ahead in idle time has a line of its own, and is cut off where the next request comes. The
trace has no movements of the cursor. It is taken to arrive halfway between two edits on different
lines, and is told of a quarter of a second later, as VS Code does (with its question for actions).
Beside that: with the edits alone as signals, as in an editor that tells nothing of its cursor;
without reading ahead; and the naive layout (excerpts ranked anew each time, windows that slide by
lines, 2,000 characters of suffix). Exit status 1 when the product misses a limit.
"""

import argparse
import asyncio
import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from rich.console import Console

from benchmarks.editing_sessions import Edit, Session, recorded, typed
from benchmarks.figures import Figure, quantile, table
from benchmarks.replay import EVALS
from benchmarks.skipping import SkippingLoop
from cerebrum_kit.wire import ProgressEvent, Snippet, TokenEvent, Usage
from cerebrum_lsp.complete import Completer
from cerebrum_lsp.config import Settings as DaemonSettings
from cerebrum_lsp.core.document import Cursor, Snapshot
from cerebrum_lsp.core.foresight import Seen
from cerebrum_lsp.core.journal import Journal
from cerebrum_lsp.core.layout import Excerpt
from cerebrum_lsp.indexing.folders import Folders
from cerebrum_lsp.indexing.messages import Opened, Retrieve
from cerebrum_lsp.indexing.service import IndexService
from cerebrum_lsp.pool import CompletionEvent, Pool
from node_backend.config import Settings
from node_backend.engines.base import Engine, Finished, InfillPrompt, Order, Piece, PrefillProgress
from node_backend.models import catalog
from node_backend.service import engine_for
from orchestrator.wire import CompleteRequest, DoneEvent, NodeTimings, Timings

MEDIAN_LIMIT, P95_LIMIT = 0.10, 0.40
REQUESTS = 400
NAIVE_PREFIX_CHARS, NAIVE_SUFFIX_CHARS = 6_000, 2_000
NAIVE_TOKENS = 4
FILE_BYTES = 1_000_000
TOLD_AFTER_S = 0.25  # VS Code asks for code actions so long after the cursor has moved

Signals = Literal["cursor", "edits", "none"]
"""What tells where the next request will be."""


class Shelf:
    """The product's index, in this process, as the source of a document's context."""

    def __init__(self, folder: Path, session: Session) -> None:
        for name, text in session.others.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        folders = Folders((str(folder),), FILE_BYTES)
        self._path = str(folder / session.path)
        self._service = IndexService(folders, "utf-32", time.process_time)
        while self._service.step():
            pass

    async def retrieve(
        self, place: Snapshot, *, budget_chars: int, shown_chars: int
    ) -> tuple[Excerpt, ...]:
        """Return the excerpts for a place."""
        self._service.opened(Opened(self._path, place.prefix + place.suffix))
        cursor = place.cursor
        ask = Retrieve(1, self._path, cursor.line, cursor.column, budget_chars, shown_chars)
        return self._service.retrieve(ask).excerpts


@dataclass(frozen=True)
class Reading:
    """What the engine had to read of one prompt."""

    evaluated_tokens: int
    prompt_tokens: int

    @property
    def share(self) -> float:
        """The part that was not in its cache."""
        return self.evaluated_tokens / self.prompt_tokens


@dataclass
class Account:
    """What was read: for each request that reached the engine, and ahead of them."""

    readings: list[Reading] = field(default_factory=list)
    ahead: list[Reading] = field(default_factory=list)

    def share(self, at: float) -> float:
        """Return the evaluated share at a quantile of the requests, the first left out."""
        return quantile([each.share for each in self.readings[1:]], at)

    @property
    def tokens_per_request(self) -> float:
        """How much a request had to have read, on average."""
        return statistics.fmean(each.evaluated_tokens for each in self.readings[1:])

    @property
    def ahead_per_request(self) -> float:
        """How much was read ahead for each request, on average."""
        return sum(each.evaluated_tokens for each in self.ahead) / len(self.readings)


class EnginePool(Pool):
    """A pool that is one engine, and keeps an account of what it reads."""

    def __init__(self, engine: Engine, work: Callable[[int], None]) -> None:
        self._engine = engine
        self._work = work
        self.account = Account()

    async def complete(self, request: CompleteRequest) -> AsyncGenerator[CompletionEvent, None]:
        """Do as a node does; what is cut off counts as far as it was read."""
        is_ahead = request.purpose == "pre-evaluate"
        order = _order(request, only_reads=is_ahead)
        progress = PrefillProgress(0, 0)
        self._work(1)
        try:
            async with aclosing(self._engine.generate(order)) as events:
                async for event in events:
                    match event:
                        case PrefillProgress():
                            progress = event
                            detail: dict[str, object] = asdict(event)
                            yield ProgressEvent(stage="prefill", detail=detail)
                        case Piece(text, total_tokens):
                            yield TokenEvent(token=text, total_tokens=total_tokens)
                        case Finished():
                            yield _done(event)
        finally:
            self._work(-1)
            if is_ahead:
                read = max(0, progress.processed - progress.cached)
                self.account.ahead.append(Reading(read, progress.total))
            elif progress.total:  # all of it, even if it was cancelled before
                anew = progress.total - progress.cached
                self.account.readings.append(Reading(anew, progress.total))


def _order(request: CompleteRequest, *, only_reads: bool) -> Order:
    infill = request.infill
    assert infill is not None, "the daemon's completer asks for nothing else"
    prompt = InfillPrompt(infill.prefix, infill.suffix, infill.path, tuple(request.snippets))
    stop = tuple(request.stop)
    return Order(prompt, 0, request.max_tokens, 0.0, stop, only_reads=only_reads)


def _done(event: Finished) -> DoneEvent:
    return DoneEvent(
        finish_reason=event.reason,
        model="engine",
        node="engine",
        usage=Usage(
            prompt_tokens=event.prompt_tokens,
            cached_tokens=event.cached_tokens,
            completion_tokens=event.completion_tokens,
        ),
        timings=Timings(),
        node_timings=NodeTimings(prefill_ms=event.prefill_ms, decode_ms=event.decode_ms),
    )


class Writer:
    """Somebody who edits by the clock, in an editor that asks after each burst."""

    def __init__(self, session: Session, completer: Completer, signals: Signals) -> None:
        self._session = session
        self._completer = completer
        self._signals = signals
        self._loop = asyncio.get_running_loop()
        self._begun_at = self._loop.time()
        self._text, self._version = "", 0
        self._edited_s, self._cursor = 0.0, 0
        self._answers: list[asyncio.Task[object]] = []

    async def write(self) -> None:
        """Write all of it; returns when everything is answered."""
        for burst in self._session.bursts:
            for edit in burst.edits:
                await self._move(edit)
                await self._until(edit.at_s)
                self._apply(edit)
            ask = self._completer.complete(self._place(), manual=False)
            self._answers.append(asyncio.create_task(ask))
        await asyncio.gather(*self._answers)
        await self._completer.close()

    async def _move(self, edit: Edit) -> None:
        """Go to where the next edit will be, and rest there, if that is on another line."""
        target = edit.offset + edit.deleted
        between = self._text[min(target, self._cursor) : max(target, self._cursor)]
        if self._signals != "cursor" or "\n" not in between:
            return
        told_s = (self._edited_s + edit.at_s) / 2 + TOLD_AFTER_S
        if told_s < edit.at_s:
            await self._until(told_s)
            self._cursor = target
            self._completer.ahead.seen(self._seen())

    def _apply(self, edit: Edit) -> None:
        self._text, self._cursor = edit.applied_to(self._text), edit.ends_at
        self._version, self._edited_s = self._version + 1, edit.at_s
        text = self._text
        self._completer.edited(self._uri, lambda: text)
        self._completer.ahead.wrote(self._seen())

    async def _until(self, at_s: float) -> None:
        await asyncio.sleep(max(0.0, self._begun_at + at_s - self._loop.time()))

    def _seen(self) -> Seen:
        place = self._place()
        cursor = place.cursor
        return Seen(place.uri, place.version, cursor.line, cursor.column, lambda: place)

    def _place(self) -> Snapshot:
        return place_of(self._session, self._text, self._cursor, self._version)

    @property
    def _uri(self) -> str:
        return f"file:///{self._session.path}"


def place_of(session: Session, text: str, offset: int, version: int = 1) -> Snapshot:
    """Return a moment as the daemon sees it."""
    prefix, suffix = text[:offset], text[offset:]
    cursor = Cursor(prefix.count("\n"), len(prefix) - (prefix.rfind("\n") + 1))
    uri = f"file:///{session.path}"
    return Snapshot(uri, version, "python", session.path, prefix, suffix, cursor)


async def product(engine: Engine, session: Session, shelf: Shelf, signals: Signals) -> Account:
    """Replay a session through the daemon's completer."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SkippingLoop)
    pool = EnginePool(engine, loop.work)
    settings = DaemonSettings(read_ahead=signals != "none")
    completer = Completer(pool, Journal(), settings, source=shelf)
    await Writer(session, completer, signals).write()
    return pool.account


async def naive(engine: Engine, session: Session, shelf: Shelf) -> Account:
    """Replay it as many clients would: the best excerpts of the moment, the nearest lines."""
    account, text = Account(), ""
    for burst in session.bursts:
        for edit in burst.edits:
            text = edit.applied_to(text)
        place = place_of(session, text, burst.edits[-1].ends_at)
        if place.prefix:
            order = Order(await _naive_prompt(place, shelf), 0, NAIVE_TOKENS)
            async for event in engine.generate(order):
                if isinstance(event, Finished):
                    anew = event.prompt_tokens - event.cached_tokens
                    account.readings.append(Reading(anew, event.prompt_tokens))
    return account


async def _naive_prompt(place: Snapshot, shelf: Shelf) -> InfillPrompt:
    budget_chars = DaemonSettings().context_chars
    excerpts: Iterable[Excerpt] = await shelf.retrieve(
        place, budget_chars=budget_chars, shown_chars=NAIVE_PREFIX_CHARS
    )
    prefix, suffix = place.prefix[-NAIVE_PREFIX_CHARS:], place.suffix[:NAIVE_SUFFIX_CHARS]
    if len(prefix) < len(place.prefix):
        prefix = prefix[prefix.find("\n") + 1 :]
    if len(suffix) < len(place.suffix):
        suffix = suffix[: suffix.rfind("\n") + 1]
    snippets = tuple(Snippet(path=each.path, text=each.text) for each in excerpts)
    return InfillPrompt(prefix, suffix, place.path, snippets)


Replay = Callable[[Engine, Session, Shelf], Awaitable[Account]]


def account_of(settings: Settings, session: Session, replay: Replay) -> Account:
    """Replay a session on an engine that knows nothing yet."""

    async def run() -> Account:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SkippingLoop)
        engine = engine_for(settings, catalog(settings).default)
        with tempfile.TemporaryDirectory() as folder:
            shelf = Shelf(Path(folder), session)
            loop.work(1)
            try:
                await engine.load()
                loop.work(-1)
                return await replay(engine, session, shelf)
            finally:
                loop.work(1)
                await engine.unload()

    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        return runner.run(run())


def with_signals(signals: Signals) -> Replay:
    """Return the replay of the product with these signals."""

    async def replay(engine: Engine, session: Session, shelf: Shelf) -> Account:
        return await product(engine, session, shelf, signals)

    return replay


def figures_of(session: Session, accounts: dict[str, Account]) -> list[Figure]:
    """Return a session's figures."""
    ours = accounts["cursor"]
    limits = (("median", 0.5, MEDIAN_LIMIT), ("p95", 0.95, P95_LIMIT))
    shares = [
        Figure(
            f"{session.name}: evaluated share, {name}",
            ours.share(at),
            limit,
            "",
            f"from edits alone {accounts['edits'].share(at):.3f}, not reading ahead "
            f"{accounts['none'].share(at):.3f}, naive {accounts['naive'].share(at):.3f}; "
            f"n={len(ours.readings) - 1}",
        )
        for name, at, limit in limits
    ]
    tokens = ", ".join(
        f"{name} {accounts[key].tokens_per_request:.0f}"
        for key, name in (
            ("edits", "from edits alone"),
            ("none", "not reading ahead"),
            ("naive", "naive"),
        )
    )
    return [
        *shares,
        Figure(f"{session.name}: read by a request", ours.tokens_per_request, math.inf, "", tokens),
        Figure(
            f"{session.name}: read ahead of it, in idle time",
            ours.ahead_per_request,
            math.inf,
            "",
            f"{len(ours.ahead)} prompts; from edits alone "
            f"{accounts['edits'].ahead_per_request:.0f}, {len(accounts['edits'].ahead)} prompts",
        ),
    ]


def measure(settings: Settings, evals: Path, requests: int) -> list[Figure]:
    """Return the figures of both sessions."""
    figures = []
    replays: dict[str, Replay] = {
        "cursor": with_signals("cursor"),
        "edits": with_signals("edits"),
        "none": with_signals("none"),
        "naive": naive,
    }
    for session in (recorded(evals, requests), typed(evals, requests)):
        accounts = {name: account_of(settings, session, replay) for name, replay in replays.items()}
        figures += figures_of(session, accounts)
    return figures


def main() -> None:
    """Measure, print, and say by the exit status whether the limits are kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=REQUESTS, help="of each session, at most")
    parser.add_argument("--model", type=Path, help="a GGUF model instead of the bundled one")
    parser.add_argument("--evals", type=Path, default=EVALS, help="the evaluation kit's folder")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    arguments = parser.parse_args()
    settings = Settings(model=arguments.model, _env_file=None)
    figures = measure(settings, arguments.evals, arguments.requests)
    if arguments.json:
        print(json.dumps([{**asdict(each), "holds": each.holds} for each in figures]))
    else:
        Console().print(table("What the engine reads anew", figures))
    sys.exit(0 if all(each.holds for each in figures) else 1)


if __name__ == "__main__":
    main()

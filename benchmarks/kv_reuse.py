"""How much of each prompt the engine has to read anew while somebody edits.

    python -m benchmarks.kv_reuse [--requests N] [--model FILE] [--evals FOLDER] [--json]

Two sessions are replayed on the real engine, by their own clock, through the daemon's completer:

    recorded   a Svelte component, by Joseph Gentle: typing, deleting and jumping about; one request
               after each second in which something was edited
    typed      a Python file, typed from its beginning: five keys a second, and a pause of half a
               second after every six

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
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from benchmarks.editing_sessions import Session, recorded, typed
from benchmarks.engine_pool import Account, EnginePool, Reading
from benchmarks.figures import Figure, table
from benchmarks.replay import EVALS
from benchmarks.skipping import SkippingLoop, skipping_loop
from benchmarks.writer import Signals, Writer, place_of
from cerebrum_kit.wire import Snippet
from cerebrum_lsp.complete import Completer
from cerebrum_lsp.config import Settings as DaemonSettings
from cerebrum_lsp.core.document import Snapshot
from cerebrum_lsp.core.journal import Journal
from cerebrum_lsp.core.layout import Excerpt
from cerebrum_lsp.indexing.folders import Folders
from cerebrum_lsp.indexing.messages import Opened, Retrieve
from cerebrum_lsp.indexing.service import IndexService
from node_backend.config import Settings
from node_backend.engines.base import Engine, Finished, InfillPrompt, Order
from node_backend.models import catalog
from node_backend.service import engine_for

MEDIAN_LIMIT, P95_LIMIT = 0.10, 0.40
REQUESTS = 400
NAIVE_PREFIX_CHARS, NAIVE_SUFFIX_CHARS = 6_000, 2_000
NAIVE_TOKENS = 4
FILE_BYTES = 1_000_000


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


async def product(engine: Engine, session: Session, shelf: Shelf, signals: Signals) -> Account:
    """Replay a session through the daemon's completer."""
    pool = EnginePool(engine, skipping_loop().work)
    settings = DaemonSettings(read_ahead=signals != "none")
    completer = Completer(
        pool,
        Journal(),
        settings,
        source=shelf,
        context_tokens=lambda: engine.status.context_tokens,
    )
    await Writer(session, completer, signals).write()
    return pool.account


async def naive(engine: Engine, session: Session, shelf: Shelf) -> Account:
    """Replay it as many clients would: the best excerpts of the moment, the nearest lines."""
    account, text = Account(), ""
    loop = skipping_loop()
    for burst in session.bursts:
        for edit in burst.edits:
            text = edit.applied_to(text)
        place = place_of(session, text, burst.edits[-1].ends_at)
        if place.prefix:
            order = Order(await _naive_prompt(place, shelf), 0, NAIVE_TOKENS)
            loop.work(1)
            async for event in engine.generate(order):
                if isinstance(event, Finished):
                    anew = event.prompt_tokens - event.cached_tokens
                    account.readings.append(Reading(anew, event.prompt_tokens))
            loop.work(-1)
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
        loop = skipping_loop()
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


def as_fields(figure: Figure) -> dict[str, object]:
    """Return a figure for JSON, which knows no infinite limit."""
    fields = {**asdict(figure), "holds": figure.holds}
    return fields if figure.has_limit else {**fields, "limit": None}


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
        print(json.dumps([as_fields(each) for each in figures]))
    else:
        Console().print(table("What the engine reads anew", figures))
    sys.exit(0 if all(each.holds for each in figures) else 1)


if __name__ == "__main__":
    main()

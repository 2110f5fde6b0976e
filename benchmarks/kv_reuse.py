"""How much of each prompt the engine has to read anew while somebody edits.

    python -m benchmarks.kv_reuse [--requests N] [--model FILE] [--evals FOLDER] [--json]

Two sessions are replayed on the real engine, each with the product's layout of prompts and with the
naive one (excerpts ranked anew each time, windows that slide by lines, 2,000 characters of suffix):

    recorded   a Svelte component, by Joseph Gentle: typing, deleting and jumping about; one request
               after each second in which something was edited
    typed      a Python file, typed from its beginning

Both among the files of a Python repository, of which the index tells: the recorded session's own
repository was not recorded, so little of it helps there, and what a jump leaves in the cache is
little too. Evaluated and cached tokens are the engine's own figures. Exit status 1 when the
product's layout misses a limit.
"""

import argparse
import asyncio
import gzip
import itertools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

from rich.console import Console

from benchmarks.figures import Figure, quantile, table
from benchmarks.replay import EVALS
from cerebrum_kit.wire import Snippet
from cerebrum_lsp.config import Settings as DaemonSettings
from cerebrum_lsp.context import DocumentContext, Gatherer, Limits
from cerebrum_lsp.core.document import Cursor, Snapshot
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
TYPED_EVERY_CHARS = 6
TYPED_CHARS = range(17_000, 20_000)
NAIVE_PREFIX_CHARS, NAIVE_SUFFIX_CHARS = 6_000, 2_000
MAX_TOKENS = 4
FILE_BYTES = 1_000_000


@dataclass(frozen=True)
class Moment:
    """A text and the cursor's place in it, when a completion is asked for."""

    prefix: str
    suffix: str


@dataclass(frozen=True)
class Session:
    """Moments of one file, and the other files of its workspace."""

    name: str
    path: str
    moments: Sequence[Moment]
    others: dict[str, str] = field(default_factory=dict)


def recorded(evals: Path, requests: int) -> Session:
    """Return the recorded trace, as much of it as leads to so many requests."""
    with gzip.open(evals / "data/dev/trace_sveltecomponent.json.gz", "rt") as file:
        transactions = json.load(file)["txns"]
    text, offset, moments = "", 0, []
    for one, following in itertools.zip_longest(transactions, transactions[1:]):
        for offset, deleted, inserted in one["patches"]:
            text = text[:offset] + inserted + text[offset + deleted :]
            offset += len(inserted)  # noqa: PLW2901 - where the cursor stands now
        if following is None or following["time"] != one["time"]:
            moments.append(Moment(text[:offset], text[offset:]))
    others = {row["path"]: row["text"] for row in repository(evals)}
    return Session("recorded", "src/App.svelte", moments[:requests], others)


def typed(evals: Path, requests: int) -> Session:
    """Return a Python file of medium length, typed within its repository."""
    rows = repository(evals)
    typed_row = next(row for row in rows if len(row["text"]) in TYPED_CHARS)
    others = {row["path"]: row["text"] for row in rows if row is not typed_row}
    text = typed_row["text"]
    ends = range(TYPED_EVERY_CHARS, len(text), TYPED_EVERY_CHARS)
    moments = [Moment(text[:end], "") for end in ends]
    return Session("typed", typed_row["path"], moments[:requests], others)


def repository(evals: Path) -> list[dict[str, str]]:
    """Return the files of the repository that holds the file to be typed."""
    lines = (evals / "data/dev/xfile_sources.jsonl").read_text(encoding="utf-8").splitlines()
    rows: list[dict[str, str]] = [json.loads(line) for line in lines]
    name = next(row["repo"] for row in rows if len(row["text"]) in TYPED_CHARS)
    return [row for row in rows if row["repo"] == name]


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


class Layouter(Protocol):
    """Makes prompts of moments."""

    async def prompt(self, place: Snapshot) -> InfillPrompt:
        """Return the prompt for a place."""
        ...


class Product:
    """The daemon's own layout."""

    def __init__(self, shelf: Shelf) -> None:
        settings = DaemonSettings()
        limits = Limits(settings.prefix_chars, settings.suffix_chars, settings.context_chars)
        gatherer = Gatherer(shelf, lambda: limits)
        gatherer.rate.tokens_per_s = 1000.0  # a pool that is quick enough to read all of it
        self._context: DocumentContext = gatherer.for_document()

    async def prompt(self, place: Snapshot) -> InfillPrompt:
        """Return the prompt that the daemon would send."""
        self._context.prefetch(place)
        parts = await self._context.gather(place)
        return _prompt(place.path, parts.prefix, parts.suffix, parts.excerpts)


class Naive:
    """What many clients do: the best excerpts of the moment, and the nearest whole lines."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    async def prompt(self, place: Snapshot) -> InfillPrompt:
        """Return the prompt that they would send."""
        budget_chars = DaemonSettings().context_chars
        excerpts = await self._shelf.retrieve(
            place, budget_chars=budget_chars, shown_chars=NAIVE_PREFIX_CHARS
        )
        prefix, suffix = place.prefix[-NAIVE_PREFIX_CHARS:], place.suffix[:NAIVE_SUFFIX_CHARS]
        if len(prefix) < len(place.prefix):
            prefix = prefix[prefix.find("\n") + 1 :]
        if len(suffix) < len(place.suffix):
            suffix = suffix[: suffix.rfind("\n") + 1]
        return _prompt(place.path, prefix, suffix, excerpts)


def _prompt(path: str, prefix: str, suffix: str, excerpts: Iterable[Excerpt]) -> InfillPrompt:
    snippets = tuple(Snippet(path=each.path, text=each.text) for each in excerpts)
    return InfillPrompt(prefix, suffix, path, snippets)


def place_of(session: Session, moment: Moment) -> Snapshot:
    """Return a moment as the daemon sees it."""
    line = moment.prefix.count("\n")
    column = len(moment.prefix) - (moment.prefix.rfind("\n") + 1)
    uri, language = f"file:///{session.path}", "python"
    cursor = Cursor(line, column)
    return Snapshot(uri, 1, language, session.path, moment.prefix, moment.suffix, cursor)


@dataclass(frozen=True)
class Reading:
    """What the engine had to read of one prompt."""

    evaluated_tokens: int
    prompt_tokens: int

    @property
    def share(self) -> float:
        """The part that was not in its cache."""
        return self.evaluated_tokens / self.prompt_tokens


async def replay(engine: Engine, session: Session, layouter: Layouter) -> list[Reading]:
    """Return what was read for each request but the first."""
    readings = []
    for moment in session.moments:
        if not moment.prefix:
            continue
        order = Order(await layouter.prompt(place_of(session, moment)), 0, MAX_TOKENS)
        async for event in engine.generate(order):
            if isinstance(event, Finished):
                evaluated_tokens = event.prompt_tokens - event.cached_tokens
                readings.append(Reading(evaluated_tokens, event.prompt_tokens))
    return readings[1:]


async def readings_of(
    settings: Settings, session: Session, layout: Callable[[Shelf], Layouter]
) -> list[Reading]:
    """Replay a session on an engine that knows nothing yet."""
    with tempfile.TemporaryDirectory() as folder:
        layouter = layout(Shelf(Path(folder), session))
        engine = engine_for(settings, catalog(settings).default)
        try:
            await engine.load()
            return await replay(engine, session, layouter)
        finally:
            await engine.unload()


def figures_of(session: Session, ours: Sequence[Reading], naive: Sequence[Reading]) -> list[Figure]:
    """Return a session's figures."""
    limits = (("median", 0.5, MEDIAN_LIMIT), ("p95", 0.95, P95_LIMIT))
    tokens = f"tokens read anew, mean: {_mean(ours):.0f}, naive {_mean(naive):.0f}; n={len(ours)}"
    return [
        Figure(
            f"{session.name}: evaluated share, {name}",
            quantile([each.share for each in ours], share),
            limit,
            "",
            f"naive: {quantile([each.share for each in naive], share):.3f}; {tokens}",
        )
        for name, share, limit in limits
    ]


def _mean(readings: Sequence[Reading]) -> float:
    return statistics.fmean(each.evaluated_tokens for each in readings)


async def measure(settings: Settings, evals: Path, requests: int) -> list[Figure]:
    """Return the figures of both sessions."""
    figures = []
    for session in (recorded(evals, requests), typed(evals, requests)):
        ours = await readings_of(settings, session, Product)
        naive = await readings_of(settings, session, Naive)
        figures += figures_of(session, ours, naive)
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
    figures = asyncio.run(measure(settings, arguments.evals, arguments.requests))
    if arguments.json:
        print(json.dumps([{**asdict(each), "holds": each.holds} for each in figures]))
    else:
        Console().print(table("What the engine reads anew", figures))
    sys.exit(0 if all(each.holds for each in figures) else 1)


if __name__ == "__main__":
    main()

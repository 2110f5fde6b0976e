"""Editing sessions for replays: edits and requests on a clock, among the files of a workspace."""

import gzip
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

LONGEST_PAUSE_S = 600.0  # a night is worth no more than this
TYPED_EVERY_CHARS = 6
TYPED_CHARS_PER_S = 5.0
TYPED_PAUSE_S = 0.5  # who types on without one is asked to wait for it
TYPED_CHARS = range(17_000, 20_000)


@dataclass(frozen=True)
class Edit:
    """At `at_s`, `inserted` takes the place of `deleted` characters at `offset`."""

    at_s: float
    offset: int
    deleted: int
    inserted: str

    def applied_to(self, text: str) -> str:
        """Return what a text becomes."""
        return text[: self.offset] + self.inserted + text[self.offset + self.deleted :]

    @property
    def ends_at(self) -> int:
        """Where the cursor stands after it."""
        return self.offset + len(self.inserted)


@dataclass(frozen=True)
class Burst:
    """Edits after the last of which a completion is asked for."""

    edits: tuple[Edit, ...]


@dataclass(frozen=True)
class Session:
    """What somebody did to one file, and the other files of its workspace."""

    name: str
    path: str
    bursts: Sequence[Burst]
    others: dict[str, str] = field(default_factory=dict)


def recorded(evals: Path, requests: int) -> Session:
    """Return the recorded trace, as much of it as leads to so many requests.

    Its clock counts whole seconds: what happened within one is spread over it evenly.
    """
    with gzip.open(evals / "data/dev/trace_sveltecomponent.json.gz", "rt") as file:
        transactions = json.load(file)["txns"]
    bursts, at_s, last_s = [], 0.0, None
    seconds = itertools.groupby(transactions, key=lambda each: each["time"])
    for time, together in itertools.islice(seconds, requests):
        second_s = datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp()
        at_s += min(LONGEST_PAUSE_S, second_s - last_s) if last_s is not None else 0.0
        last_s = second_s
        patches = [patch for one in together for patch in one["patches"]]
        edits = (
            Edit(at_s + number / len(patches), offset, deleted, inserted)
            for number, (offset, deleted, inserted) in enumerate(patches)
        )
        bursts.append(Burst(tuple(edits)))
    others = {row["path"]: row["text"] for row in repository(evals)}
    return Session("recorded", "src/App.svelte", bursts, others)


def typed(evals: Path, requests: int) -> Session:
    """Return a Python file of medium length, typed in little bursts within its repository."""
    rows = repository(evals)
    typed_row = next(row for row in rows if len(row["text"]) in TYPED_CHARS)
    others = {row["path"]: row["text"] for row in rows if row is not typed_row}
    bursts = itertools.islice(_typing(typed_row["text"]), requests)
    return Session("typed", typed_row["path"], tuple(bursts), others)


def _typing(text: str) -> Iterator[Burst]:
    for begin in range(0, len(text) - TYPED_EVERY_CHARS, TYPED_EVERY_CHARS):
        piece = text[begin : begin + TYPED_EVERY_CHARS]
        begun_s = begin / TYPED_CHARS_PER_S + begin / TYPED_EVERY_CHARS * TYPED_PAUSE_S
        keys = enumerate(piece)
        yield Burst(
            tuple(Edit(begun_s + at / TYPED_CHARS_PER_S, begin + at, 0, key) for at, key in keys)
        )


def repository(evals: Path) -> list[dict[str, str]]:
    """Return the files of the repository that holds the file to be typed."""
    lines = (evals / "data/dev/xfile_sources.jsonl").read_text(encoding="utf-8").splitlines()
    rows: list[dict[str, str]] = [json.loads(line) for line in lines]
    name = next(row["repo"] for row in rows if len(row["text"]) in TYPED_CHARS)
    return [row for row in rows if row["repo"] == name]

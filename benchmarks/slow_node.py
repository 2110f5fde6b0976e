"""How much a slow node is asked, and how much of what it writes is of use: the recorded session.

    python -m benchmarks.slow_node [--tokens-per-s 10] [--trace recorded|typed] [--evals FOLDER]

The evaluation kit's recorded editing session is played, with its own times, through the lifecycle
of completions on a clock that is not real. The editor asks after every edit and cancels at every
key, as VS Code does. The node's model is right for a while and then goes astray, as models do: how
long is drawn (geometrically, a dozen characters on average, from a fixed seed). A token is of use
if a text with it was offered. Exit status 1 when a figure is over its limit.
"""

import argparse
import gzip
import json
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from rich.console import Console

from benchmarks.figures import Figure, table
from cerebrum_lsp.core.decisions import Answer, Decision, Grow
from cerebrum_lsp.core.document import Snapshot
from cerebrum_lsp.core.pace import Pace
from cerebrum_lsp.core.shape import shape_of
from tests.cerebrum_lsp.simulation import CHARS_PER_TOKEN, DEADLINE_S, Simulation

EVALS = Path(__file__).resolve().parents[2] / "shared" / "evals"
ASKED_LIMIT = 1 / 5
USELESS_LIMIT = 0.30
MAX_TOKENS = 96  # the setting's default
RIGHT_CHARS = 12.0
LONGEST_PAUSE_S = 60.0  # whatever goes on has ended by then
TYPING_INTERVAL_S = 0.2  # where the times are not recorded: 60 words a minute
LINE_PAUSE_S = 1.0
INVENTED = "something_else(that, nobody, wanted)\nand_more = something\n"

Edit = tuple[float, int, int, str]
"""Seconds since the last one, offset, characters deleted there, text inserted there."""


@dataclass
class Session(Simulation):
    """A simulation that counts what of each generation was offered."""

    offered_chars: dict[int, int] = field(default_factory=dict)
    asked_in_all: int = 0

    def ask(self, *, manual: bool = False, within_s: float | None = None) -> int:
        """Ask, and forget the places of long ago."""
        self.asked_in_all += 1
        for kept in (self.asked, self.answers):
            for old in list(kept)[:-8]:
                del kept[old]
        return super().ask(manual=manual, within_s=within_s)

    def _do(self, decisions: list[Decision]) -> None:
        for decision in decisions:
            if isinstance(decision, Answer) and decision.text and decision.run_id is not None:
                self._offered(decision.run_id, self.asked[decision.ask_id], decision.text)
            elif isinstance(decision, Grow):
                newest = max(self.upstream)
                self._offered(newest, decision.place, decision.text)
        super()._do(decisions)

    def _offered(self, run_id: int, place: Snapshot, text: str) -> None:
        typed = len(place.prefix) - len(self.upstream[run_id].place.prefix)
        known = self.offered_chars.get(run_id, 0)
        self.offered_chars[run_id] = max(known, typed + len(text))

    def useless_share(self) -> float:
        """Return which part of all that was generated was never offered."""
        generated = useful = 0
        for run_id, run in self.upstream.items():
            generated += len(run.sent)
            useful += min(len(run.sent), max(0, self.offered_chars.get(run_id, 0)))
        return 1 - useful / max(1, generated)


class Author:
    """What the person will write next, as far as the node's model can guess it."""

    def __init__(self, seed: int, affordable: Callable[[int], int]) -> None:
        self._random = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        self._affordable = affordable
        self.next_text = ""

    def writes(self, place: Snapshot) -> str:
        """Return what the model writes at a place."""
        right = int(self._random.expovariate(1 / RIGHT_CHARS))
        text = self.next_text[:right] + INVENTED * 6
        shape = shape_of(place, MAX_TOKENS)
        text = text[: self._affordable(shape.max_tokens) * CHARS_PER_TOKEN]
        ends = [at for stop in shape.stop if (at := text.find(stop)) > 0]
        return text[: min(ends)] if ends else text


def recorded(evals: Path) -> Iterator[Edit]:
    """Yield the recorded edits; those of the same second are spread over it."""
    file = next((evals / "data" / "dev").glob("trace_*.json.gz"))
    with gzip.open(file, "rt", encoding="utf-8") as stream:
        changes = json.load(stream)["txns"]
    by_second: dict[float, list[tuple[int, int, str]]] = {}
    for change in changes:
        second = datetime.fromisoformat(change["time"]).timestamp()
        by_second.setdefault(second, []).extend(tuple(patch) for patch in change["patches"])
    now = 0.0
    for second, patches in sorted(by_second.items()):
        for number, (offset, deleted, text) in enumerate(patches):
            at = second + number / len(patches)
            yield min(LONGEST_PAUSE_S, max(0.0, at - now)), offset, deleted, text
            now = at


def typed(evals: Path) -> Iterator[Edit]:
    """Yield a file that is typed from its first to its last character."""
    with (evals / "data" / "dev" / "xfile_sources.jsonl").open(encoding="utf-8") as rows:
        texts = (json.loads(row)["text"] for row in rows)
        text = next(text for text in texts if 17_000 <= len(text) < 20_000)
    for offset, character in enumerate(text):
        pause_s = LINE_PAUSE_S if offset and text[offset - 1] == "\n" else TYPING_INTERVAL_S
        yield pause_s, offset, 0, character


def play(edits: list[Edit], tokens_per_s: float, *, grows: bool) -> Session:
    """Play the session through; return it with its counts."""
    pace = Pace()
    pace.on_rate(tokens_per_s)
    author = Author(0, lambda wanted: pace.affordable_tokens(wanted, grows=grows))
    session = Session(author.writes, tokens_per_s=tokens_per_s, first_token_s=0.5, grows=grows)
    session.machine.pace = pace
    text = ""
    for number, (pause_s, offset, deleted, inserted) in enumerate(edits):
        session.wait(pause_s)
        text = text[:offset] + inserted + text[offset + deleted :]
        cursor = offset + len(inserted)
        author.next_text = _typed_on(edits, number + 1, cursor)
        session.change(text[:cursor], text[cursor:])
    session.wait(DEADLINE_S + LONGEST_PAUSE_S)
    return session


def _typed_on(edits: list[Edit], start: int, cursor: int) -> str:
    """Return what is typed from `cursor` on, until something else is done."""
    parts = []
    for _, offset, deleted, inserted in edits[start : start + 200]:
        if offset != cursor or deleted:
            break
        parts.append(inserted)
        cursor += len(inserted)
    return "".join(parts)


def figures_of(session: Session, client: str) -> list[Figure]:
    """Return what was measured beside its limits."""
    asked = f"{session.started} of {session.asked_in_all} requests"
    written = f"{session.tokens_generated()} tokens"
    share = session.started / max(1, session.asked_in_all)
    return [
        Figure(f"asked upstream ({client})", share, ASKED_LIMIT, "", asked),
        Figure(f"never of use ({client})", session.useless_share(), USELESS_LIMIT, "", written),
    ]


def main() -> None:
    """Measure, print, and say by the exit status whether the limits are kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tokens-per-s", type=float, default=10.0)
    parser.add_argument("--trace", choices=["recorded", "typed"], default="recorded")
    parser.add_argument("--evals", type=Path, default=EVALS, help="the evaluation kit's folder")
    arguments = parser.parse_args()
    edits = list((recorded if arguments.trace == "recorded" else typed)(arguments.evals))
    figures: list[Figure] = []
    for grows, client in ((True, "growing"), (False, "plain")):
        session = play(edits, arguments.tokens_per_s, grows=grows)
        figures += figures_of(session, client)
    title = f"A node of {arguments.tokens_per_s:g} tokens/s, {arguments.trace} session"
    Console().print(table(title, figures))
    sys.exit(0 if all(figure.holds for figure in figures) else 1)


if __name__ == "__main__":
    main()

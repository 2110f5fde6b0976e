"""What a document's lifecycle is asked, and what it decides."""

from dataclasses import dataclass

from cerebrum_lsp.core.document import Snapshot


@dataclass(frozen=True)
class Ask:
    """A request for a completion at a place; times in seconds on one clock.

    One that `comes_again` is answered at its deadline and then asked anew: what it asks for is
    begun all the same.
    """

    id: int
    place: Snapshot
    manual: bool
    deadline_at: float
    comes_again: bool = False


@dataclass(frozen=True)
class Start:
    """Begin to generate for `place`; report what comes as run `run_id`."""

    run_id: int
    place: Snapshot


@dataclass(frozen=True)
class Stop:
    """End the run; nothing of it is reported any more."""

    run_id: int


@dataclass(frozen=True)
class Answer:
    """Answer an ask: with a text, or with None and the name of the reason (L10).

    The text replaces as many characters after the cursor as it `covers`.
    """

    ask_id: int
    text: str | None
    outcome: str
    run_id: int | None = None
    covers: int = 0


@dataclass(frozen=True)
class Grow:
    """Tell a client that asked for it of the text at `place` so far."""

    place: Snapshot
    text: str
    is_done: bool
    covers: int = 0


Decision = Start | Stop | Answer | Grow

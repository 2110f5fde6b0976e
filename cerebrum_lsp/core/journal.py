"""What became of each completion request, kept for those who ask why nothing was shown (L10)."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

KEPT_RECORDS = 50


@dataclass(frozen=True)
class Stages:
    """Where the time of one request went, in milliseconds; None where it never got to.

    `daemon_ms` and `orchestrator_ms` are what these two added to the first token, `context_ms` what
    the daemon waited for excerpts of other files; the others are the node's own. `total_ms`
    counts from the request's arrival to its answer.
    """

    daemon_ms: float | None = None
    context_ms: float | None = None
    orchestrator_ms: float | None = None
    node_queue_ms: float | None = None
    node_load_ms: float | None = None
    prefill_ms: float | None = None
    decode_ms: float | None = None
    first_token_ms: float | None = None
    total_ms: float = 0.0


@dataclass(frozen=True)
class Record:
    """One request and its one named outcome; `at` in seconds since 1970."""

    uri: str
    line: int
    trigger: str
    outcome: str
    message: str = ""
    retry_after_s: float | None = None
    node: str | None = None
    model: str | None = None
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    context_files: int = 0
    context_chars: int = 0
    ahead_tokens: int = 0
    """Tokens of its document that were read in idle time before it; not counted above."""
    stages: Stages = field(default_factory=Stages)
    at: float = 0.0

    @property
    def tokens_per_s(self) -> float | None:
        """Tokens a second while decoding: the first one belongs to the prefill."""
        if not self.stages.decode_ms or self.completion_tokens < 2:
            return None
        return (self.completion_tokens - 1) * 1000.0 / self.stages.decode_ms


@dataclass
class ReadAhead:
    """How often prompts were read ahead: whole, cut off by requests, refused; and their tokens."""

    read: int = 0
    cut: int = 0
    refused: int = 0
    tokens: int = 0

    def add(self, ending: Literal["read", "cut", "refused"]) -> None:
        """Count one."""
        setattr(self, ending, getattr(self, ending) + 1)


class Journal:
    """The last records, newest first; and what was read ahead, for no request of its own."""

    def __init__(self) -> None:
        self.read_ahead = ReadAhead()
        self._records: deque[Record] = deque(maxlen=KEPT_RECORDS)

    def add(self, record: Record) -> None:
        """Keep `record`; the oldest one makes room."""
        self._records.appendleft(record)

    def replace(self, record: Record, by: Record) -> None:
        """Put what is known by now in the place of what was known when it was kept."""
        for index, each in enumerate(self._records):
            if each is record:
                self._records[index] = by

    def latest(self, uri: str | None = None) -> Iterable[Record]:
        """Return the records of one document, or of all."""
        return [record for record in self._records if uri is None or record.uri == uri]

"""What of some documents goes to the model. Pure.

In this order, while the budget lasts: what the instruction names (always, and whole), the heads of
what that calls, and the best of the other chunks.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from orchestrator.retrieval.callees import Callees
from orchestrator.retrieval.chunks import Chunk, ChunkSize, chunks_of, lines_of
from orchestrator.retrieval.dedupe import distinct, normalised
from orchestrator.retrieval.document import Document
from orchestrator.retrieval.excerpt import Excerpt
from orchestrator.retrieval.mentions import Mention, mentions
from orchestrator.retrieval.rank import scores
from orchestrator.retrieval.targets import targets

Span = tuple[int, int]

MAX_CALLERS = 32
"""Definitions whose calls are followed; a name that means more of them fills the budget alone."""


@dataclass(frozen=True)
class Budget:
    """How much is selected: characters of code in all, and chunks beside what is named."""

    chars: int = 8000
    chunks: int = 3


@dataclass(frozen=True)
class Selection:
    """What was selected, and how many chunks there were, differed, and were taken."""

    excerpts: tuple[Excerpt, ...]
    chunks: int
    unique: int
    selected: int


@dataclass
class _Work:
    """One document while its parts are selected."""

    document: Document
    excerpt: Excerpt
    chunks: list[Chunk]
    targets: list[int]
    target_spans: list[Span] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.target_spans = [
            self.document.span(*lines_of(self.document, index)) for index in self.targets
        ]

    def text(self, chunk: Chunk) -> str:
        return self.document.text[chunk.start : chunk.end]

    def heads_around(self, parent: int) -> Iterator[Span]:
        """Return the heads of what encloses something, the innermost first."""
        while parent >= 0:
            yield self.head(parent)
            parent = self.document.definitions[parent].parent

    def head(self, index: int) -> Span:
        definition = self.document.definitions[index]
        return self.document.span(definition.first_line, definition.header_end)


def select(
    documents: Sequence[Document],
    instruction: str,
    anchors: Sequence[int],
    size: ChunkSize,
    budget: Budget,
) -> Selection:
    """Select the parts of `documents` that `instruction` is about.

    `anchors` are the 1-based lines of the definitions at which the instruction stands, 0 for none.
    """
    found = mentions(instruction)
    works = [
        _Work(document, Excerpt(document), chunks_of(document, size), _targets(found, document, at))
        for document, at in zip(documents, anchors, strict=True)
    ]
    chunks = [(work, chunk) for work in works for chunk in work.chunks]
    texts = [work.text(chunk) for work, chunk in chunks]
    taken = _take_targets(works)
    is_named = [work.excerpt.holds_some(chunk.start, chunk.end) for work, chunk in chunks]
    order = sorted(range(len(chunks)), key=lambda index: not is_named[index])
    unique = distinct(texts, order)
    room = _Room(budget.chars, works)
    _take_heads(works, room)
    others = [index for index in unique if not is_named[index]]
    ranked = _ranked([texts[index] for index in others], instruction, found, works)
    wanted = len(others) if ranked is None else max(0, budget.chunks - taken)
    best = range(len(others)) if ranked is None else ranked
    for number in list(best)[:wanted]:
        work, chunk = chunks[others[number]]
        taken += room.take(work, [(chunk.start, chunk.end), *work.heads_around(chunk.parent)])
    excerpts = tuple(work.excerpt for work in works)
    return Selection(excerpts, len(chunks), len(unique), taken)


def _targets(found: Sequence[Mention], document: Document, anchor_line: int) -> list[int]:
    """Return the definitions that are meant: those named, or the one that the anchor is at."""
    at_anchor = [
        index
        for index, definition in enumerate(document.definitions)
        if anchor_line and lines_of(document, index)[0] <= anchor_line <= definition.head_line
    ]
    return at_anchor[:1] or _without_copies(targets(found, document), document)


def _without_copies(indices: Iterable[int], document: Document) -> list[int]:
    """Leave out repetitions of a definition with the same name in the same scope.

    The same method of two classes is two definitions, even where the texts are equal.
    """
    kept: dict[tuple[object, ...], int] = {}
    for index in indices:
        start, end = document.span(*lines_of(document, index))
        text = tuple(normalised(document.text[start:end]))
        kept.setdefault((document.outline.chain(index), text), index)
    return list(kept.values())


class _Room:
    """What is left of the budget."""

    def __init__(self, budget_chars: int, works: Sequence[_Work]) -> None:
        self.left = budget_chars - sum(work.excerpt.chars for work in works)

    def take(self, work: _Work, spans: Sequence[Span]) -> bool:
        """Take all these spans, or none when they don't fit."""
        cost = sum(work.excerpt.cost(*span) for span in spans)
        if cost > self.left:
            return False
        for span in spans:
            work.excerpt.add(*span)
        self.left -= cost
        return True


def _take_targets(works: Sequence[_Work]) -> int:
    for work in works:
        for span in work.target_spans:
            work.excerpt.add(*span)
    return sum(len(work.targets) for work in works)


def _take_heads(works: Sequence[_Work], room: _Room) -> None:
    for work in works:
        for index in work.targets:
            room.take(work, list(work.heads_around(work.document.definitions[index].parent)))
    for work in works:
        callees = Callees(work.document)
        callers = work.targets[:MAX_CALLERS]
        called = dict.fromkeys(each for index in callers for each in callees.of(index))
        for each in called:
            around = work.document.definitions[each].parent
            room.take(work, [work.head(each), *work.heads_around(around)])


def _ranked(
    texts: Sequence[str], instruction: str, found: Sequence[Mention], works: Sequence[_Work]
) -> Sequence[int] | None:
    """Return the texts' indices, best first; None when nothing distinguishes one from another.

    Beside something that is named, only what has to do with the instruction is of use.
    """
    named = {work.document.definitions[index].name for work in works for index in work.targets}
    marks = scores(texts, instruction, found, named)
    if not named and not any(marks):
        return None
    order = sorted(range(len(texts)), key=lambda index: -marks[index])
    return [index for index in order if marks[index] > 0 or not named]

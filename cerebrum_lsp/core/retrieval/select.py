"""Which lines of the candidates fit a budget, at three levels of detail.

A definition is shown by its name (its header), as a stub, or whole. What is chosen is a set of
lines for each file, so nothing is shown twice; a file's lines make up one piece, in source order,
which reads like the file with its bodies left out.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from cerebrum_lsp.core.index import Index, Place
from cerebrum_lsp.core.retrieval.cover import Lines, Probability, cover
from cerebrum_lsp.core.retrieval.dedupe import Seen
from cerebrum_lsp.core.retrieval.likeness import Window
from cerebrum_lsp.core.retrieval.selection import Own, Selection
from orchestrator.retrieval.syntax.structure import CONTAINERS


@dataclass(frozen=True)
class Piece:
    """Text for the model: these 1-based `lines` of the file at `path`."""

    path: str
    lines: Sequence[int]
    text: str


@dataclass(frozen=True)
class Detail:
    """How a budget is divided between breadth and depth."""

    names_share: float = 0.5
    """Share of the budget for headers before anything is shown in more detail. Knowing that a
    definition exists is worth more than its body, and costs a twentieth."""
    names_chars: int = 750
    """A small budget gives them so much, but no more than `names_most` of it: with little room
    nothing else says as much."""
    names_most: float = 0.75
    header_chars: int = 240
    """A longer signature is cut to the line that holds the name."""
    stubs: int = 4
    """So many of the best may be shown as stubs."""
    stub_chars: int = 700
    wholes: int = 3
    """So many of the best may be shown whole."""
    whole_chars: int = 1200
    least_per_char: float = 1e-4
    """Lines are taken for the words expected next while they add so many of these for each of
    their characters. What is left then goes into more detail."""
    misses: int = 20
    """When so many more headers didn't fit, there is hardly room for another one."""
    weighed: int = 100
    """So many of the definitions that are not shown yet are weighed by their words."""

    def names_room(self, budget_chars: int) -> int:
        """Return how many characters go to headers before anything else is shown."""
        least = min(self.names_chars, self.names_most * budget_chars)
        return int(max(least, self.names_share * budget_chars))


def select(  # noqa: PLR0913 - what there is to choose from, and how much
    index: Index,
    ranked: Sequence[Place],
    windows: Sequence[Window],
    own: Own,
    budget_chars: int,
    *,
    probability: Probability,
    detail: Detail | None = None,
) -> list[Piece]:
    """Return pieces of at most `budget_chars` characters together, the most useful first.

    First the best definitions' headers, then the lines that hold most of the words of which
    `probability` says that they stand in the next line, then more detail, then more headers.
    """
    detail = detail or Detail()
    selection = Selection(index, own, budget_chars)
    reserve = budget_chars - detail.names_room(budget_chars)
    selection.left_chars -= reserve
    position = 0
    while position < len(ranked) and _add_name(selection, ranked[position], detail):
        position += 1
    selection.left_chars += reserve
    offered = offered_lines(selection, ranked[position : position + detail.weighed], windows)
    cover(selection, offered, probability, own.shown_words, detail.least_per_char)
    _deepen(selection, ranked[:position], detail)
    misses = 0
    for place in ranked[position:]:
        misses += not _add_name(selection, place, detail)
        if misses > detail.misses:
            break
    return _pieces(selection, ranked, windows)


def offered_lines(
    selection: Selection, ranked: Sequence[Place], windows: Sequence[Window]
) -> Iterator[Lines]:
    """Yield code that resembles this code, what names what this file has, and more headers."""
    for window in windows:
        yield window.path, range(window.first_line, window.last_line + 1)
    yield selection.own.path, selection.own.naming_lines
    for place in ranked:
        definition = selection.index.definition(place)
        yield place.path, range(definition.head_line, definition.header_end + 1)


def _add_name(selection: Selection, place: Place, detail: Detail) -> bool:
    """Choose a definition's header, and the header of the class that it stands in."""
    source = selection.index.sources[place.path]
    definition = source.outline.definitions[place.number]
    parent = definition.parent
    while parent >= 0 and source.outline.definitions[parent].kind not in CONTAINERS:
        parent = source.outline.definitions[parent].parent
    around = [source.outline.definitions[parent].head_line] if parent >= 0 else []
    header = (*around, *range(definition.head_line, definition.header_end + 1))
    return selection.add(place.path, header, detail.header_chars) or selection.add(
        place.path, (*around, definition.head_line)
    )


def _deepen(selection: Selection, ranked: Sequence[Place], detail: Detail) -> None:
    """Show the best as stubs and whole, as far as the budget goes, each text once."""
    seen = Seen()
    sources = selection.index.sources
    steps: tuple[tuple[int, int, Callable[[Place], tuple[int, ...]]], ...] = (
        (detail.stubs, detail.stub_chars, lambda at: sources[at.path].stub(at.number).lines),
        (detail.wholes, detail.whole_chars, lambda at: sources[at.path].whole(at.number).lines),
    )
    distinct = [
        at for at in ranked[: detail.stubs * 2] if seen.add(sources[at.path].begin(at.number))
    ]
    for count, limit_chars, lines_of in steps:
        for place in distinct[:count]:
            selection.add(place.path, lines_of(place), limit_chars)


def _pieces(
    selection: Selection, ranked: Sequence[Place], windows: Sequence[Window]
) -> list[Piece]:
    """Return each file's chosen lines as one piece, in the order of their best definitions."""
    paths = [place.path for place in ranked]
    paths += [*(window.path for window in windows), selection.own.path]
    order = {path: position for position, path in reversed(list(enumerate(paths)))}
    chosen = [path for path, numbers in selection.chosen.items() if numbers]
    return [_piece(selection, path) for path in sorted(chosen, key=order.__getitem__)]


def _piece(selection: Selection, path: str) -> Piece:
    lines, numbers = selection.lines_of(path), sorted(selection.chosen[path])
    return Piece(path, numbers, "\n".join([lines[number - 1] for number in numbers]))

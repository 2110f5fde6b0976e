"""Which lines of the candidates fit a budget, at three levels of detail.

A definition is shown by its name (its header), as a stub, or whole. What is chosen is a set of
lines for each file, so nothing is shown twice; a file's lines make up one piece, in source order,
which reads like the file with its bodies left out.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from cerebrum_lsp.core.index import Index, Place
from cerebrum_lsp.core.retrieval.dedupe import Seen
from cerebrum_lsp.core.retrieval.likeness import Window
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
    header_chars: int = 240
    """A longer signature is cut to the line that holds the name."""
    stubs: int = 4
    """So many of the best may be shown as stubs."""
    stub_chars: int = 700
    wholes: int = 3
    """So many of the best may be shown whole."""
    whole_chars: int = 1200
    windows_share: float = 0.15
    """Share of the budget for lines from places that resemble this one."""
    own_share: float = 0.2
    """Share of the budget for what the edited file itself defines far above the cursor."""


@dataclass(frozen=True)
class Own:
    """The edited file, of which only `lines` may be shown.

    The lines after them stand in the prompt anyway, or come after the cursor.
    """

    path: str
    lines: Sequence[str]
    head_lines: Sequence[int] = ()
    """1-based lines that name what the file defines, the most useful first."""


@dataclass
class Selection:
    """The lines chosen so far; every line costs its characters and one for its end."""

    index: Index
    own: "Own"
    left_chars: int
    chosen: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))

    def lines_of(self, path: str) -> Sequence[str]:
        """Return the lines that may be shown of a file."""
        return self.own.lines if path == self.own.path else self.index.sources[path].lines

    def add(self, path: str, numbers: Iterable[int], limit_chars: int | None = None) -> bool:
        """Choose lines if all of them fit."""
        lines = self.lines_of(path)
        new = [n for n in numbers if n not in self.chosen[path] and n <= len(lines)]
        cost = sum(len(lines[number - 1]) + 1 for number in new)
        if cost > self.left_chars or (limit_chars is not None and cost > limit_chars):
            return False
        self.chosen[path].update(new)
        self.left_chars -= cost
        return True


def select(
    index: Index,
    ranked: Sequence[Place],
    windows: Sequence[Window],
    own: Own,
    budget_chars: int,
    detail: Detail | None = None,
) -> list[Piece]:
    """Return pieces of at most `budget_chars` characters together, the most useful first."""
    detail = detail or Detail()
    selection = Selection(index, own, budget_chars)
    reserve = int(budget_chars * (1 - detail.names_share))
    selection.left_chars -= reserve
    position = 0
    while position < len(ranked) and _add_name(selection, ranked[position], detail):
        position += 1
    selection.left_chars += reserve
    _add_windows(selection, windows, detail, int(budget_chars * detail.windows_share))
    _add_own(selection, int(budget_chars * detail.own_share))
    _deepen(selection, ranked[:position], detail)
    for place in ranked[position:]:
        _add_name(selection, place, detail)
    return _pieces(selection, ranked, windows)


def _add_windows(
    selection: Selection, windows: Sequence[Window], detail: Detail, limit_chars: int
) -> None:
    """Choose code that resembles this code, as far as it says something new."""
    seen = Seen(near=0.5)
    floor = selection.left_chars - limit_chars
    for window in windows:
        lines = selection.lines_of(window.path)[window.first_line - 1 : window.last_line]
        if not lines or not seen.add("\n".join(lines)):
            continue
        left = selection.left_chars - floor
        selection.add(window.path, range(window.first_line, window.last_line + 1), left)


def _add_own(selection: Selection, limit_chars: int) -> None:
    """Choose what the edited file defines too far from the cursor to stand in the prompt."""
    own = selection.own
    floor = selection.left_chars - limit_chars
    for line in own.head_lines:
        if selection.left_chars <= floor:
            return
        selection.add(own.path, (line,), selection.left_chars - floor)


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
        at for at in ranked[: detail.stubs * 2] if seen.add(sources[at.path].whole(at.number).text)
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

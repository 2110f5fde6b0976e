"""The lines chosen so far, and the room that is left for more."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from cerebrum_lsp.core.index import Index


@dataclass(frozen=True)
class Own:
    """The edited file, of which only `lines` may be shown.

    The lines after them stand in the prompt anyway, or come after the cursor.
    """

    path: str
    lines: Sequence[str]
    naming_lines: Sequence[int] = ()
    """1-based lines that name what the file defines or imports."""
    shown_words: frozenset[str] = frozenset()
    """The words of the text that stands in the prompt anyway."""


@dataclass
class Selection:
    """The lines chosen so far; every line costs its characters and one for its end."""

    index: Index
    own: Own
    left_chars: int
    chosen: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))

    def lines_of(self, path: str) -> Sequence[str]:
        """Return the lines that may be shown of a file."""
        return self.own.lines if path == self.own.path else self.index.sources[path].lines

    def add(self, path: str, numbers: Iterable[int], limit_chars: int | None = None) -> bool:
        """Choose lines if all of them fit."""
        lines, chosen = self.lines_of(path), self.chosen[path]
        new = [number for number in numbers if number not in chosen and number <= len(lines)]
        cost = len(new) + sum([len(lines[number - 1]) for number in new])
        if cost > self.left_chars or (limit_chars is not None and cost > limit_chars):
            return False
        chosen.update(new)
        self.left_chars -= cost
        return True

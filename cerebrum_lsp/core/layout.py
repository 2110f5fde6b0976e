"""How a document's prompts are laid out, so that the engine's KV cache keeps matching (L4).

An engine reuses what a prompt has in common with the one before, from its beginning up to the first
difference. So what changes seldom keeps its place and its wording:

- the window on the text before the cursor begins at the same line until it has grown too long, and
  is then cut by a whole block; who comes back from elsewhere gets the window that was there before,
  and with it what the engine has kept of it;
- the text after the cursor begins at the line's end where the rest of the line is but what an
  editor has closed by itself;
- excerpts of other files stay as they are, in their order, until they tell less than half of what
  the place would want; then those at the beginning that still serve stay, and new ones follow.
  Where a pool reads ahead in idle time, that is when they change; requests wait for it for a while.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from cerebrum_lsp.core.shape import CLOSERS

BLOCK_SHARE = 4
"""A cut takes a quarter of the window: a smaller one comes oftener, a larger one costs context."""
LEAST_SHARE = 0.4
"""A window that has shrunk below this begins anew: somebody went far up."""
WINDOWS_KEPT = 8
"""Places that one goes back and forth between; the engine may still hold what it read there."""
ANCHOR_CHARS = 200
"""So much of a window's beginning tells where it was, when the text before it has changed."""
DRIFT_CHARS = 4_000
"""How far edits above the window may have moved it."""
PATIENT_REQUESTS = 16
"""How many requests go with excerpts that tell too little, where idle time may come any moment."""
KEEP_FROM = 0.5
"""Share of what a place wants from which the excerpts stay: to change them costs reading anew all
that follows them."""


@dataclass(frozen=True)
class Excerpt:
    """Text of another file that helps with a place."""

    path: str
    text: str

    @property
    def lines(self) -> frozenset[str]:
        """Its lines, without the white space around them."""
        return frozenset(line for raw in self.text.split("\n") if (line := raw.strip()))


@dataclass(frozen=True)
class _Window:
    """Where a window begins in the text before the cursor, and with what."""

    begin: int
    anchor: str

    def found_in(self, prefix: str) -> int:
        """Return where it begins by now, -1 if nothing is left of its beginning."""
        if self.anchor and prefix.startswith(self.anchor, self.begin):
            return self.begin
        if len(self.anchor) < ANCHOR_CHARS:
            return -1
        first = max(0, self.begin - DRIFT_CHARS)
        return prefix.rfind(self.anchor, first, self.begin + DRIFT_CHARS)


class Layout:
    """The layout of one document's prompts; each method remembers what it returned."""

    def __init__(self, prefix_chars: int, suffix_chars: int) -> None:
        self._prefix_chars = prefix_chars
        self._suffix_chars = suffix_chars
        self._windows: tuple[_Window, ...] = ()
        self._unhelped = 0
        self._is_begun = False
        self.excerpts: tuple[Excerpt, ...] = ()

    def copy(self) -> "Layout":
        """Return one that goes its own way from here."""
        return copy.copy(self)

    def resized(self, prefix_chars: int, suffix_chars: int) -> "Layout":
        """Return one of another size that keeps what it can."""
        other = self.copy()
        other._prefix_chars, other._suffix_chars = prefix_chars, suffix_chars
        return other

    @property
    def least_prefix_chars(self) -> int:
        """What a window shows at least of a text that is long enough."""
        return int(self._prefix_chars * LEAST_SHARE)

    def window(self, prefix: str, suffix: str) -> tuple[str, str]:
        """Return the parts of a text around the cursor that are sent."""
        return self._before(prefix), self._after(suffix)

    def keep(
        self, wanted: Sequence[Excerpt], budget_chars: int, *, is_patient: bool = False
    ) -> tuple[Excerpt, ...]:
        """Return the excerpts to send, given what the place wants now, the best first.

        `is_patient`: a better time to change them is probably near.
        """
        kept = self.excerpts
        fits = sum(len(each.text) for each in kept) <= budget_chars
        if kept and fits and told_share(kept, wanted) >= KEEP_FROM:
            self._unhelped = 0
            return kept
        self._unhelped += 1
        can_wait = is_patient and self._is_begun and self._unhelped <= PATIENT_REQUESTS
        self._is_begun = True
        if not (can_wait and fits):
            self._unhelped = 0
            self.excerpts = _renewed(kept, wanted, budget_chars)
        return self.excerpts

    def _before(self, prefix: str) -> str:
        begin = 0
        if len(prefix) > self._prefix_chars:
            begin = self._begin_of_one_before(prefix)
            if begin < 0:
                block = self._prefix_chars // BLOCK_SHARE
                begin = _line_start(prefix, len(prefix) - self._prefix_chars + block)
        window = _Window(begin, prefix[begin : begin + ANCHOR_CHARS])
        others = [each for each in self._windows if each.anchor != window.anchor]
        self._windows = (window, *others[: WINDOWS_KEPT - 1])
        return prefix[begin:]

    def _begin_of_one_before(self, prefix: str) -> int:
        """Return where the latest window begins that suits the place, -1 if there is none."""
        for window in self._windows:
            begin = window.found_in(prefix)
            shown_chars = len(prefix) - begin
            if begin >= 0 and self.least_prefix_chars <= shown_chars <= self._prefix_chars:
                return begin
        return -1

    def _after(self, suffix: str) -> str:
        line_end = suffix.find("\n")
        line = suffix if line_end < 0 else suffix[:line_end]
        if set(line.rstrip("\r")) <= CLOSERS:
            suffix = suffix[len(line) :]
        if len(suffix) <= self._suffix_chars:
            return suffix
        cut = suffix[: self._suffix_chars]
        whole_lines = cut.rfind("\n") + 1
        return cut[:whole_lines] if whole_lines > 1 else cut


def unread_chars(
    held: tuple[Sequence[Excerpt], str, str] | None,
    wanted: tuple[Sequence[Excerpt], str, str],
) -> int:
    """Return how much of a prompt (excerpts, prefix, suffix) an engine reads anew, about.

    `held` is the prompt that it read last, None if it has read none. Where the suffix differs,
    a model that is asked suffix first reads the prefix anew as well.
    """
    excerpts, prefix, suffix = wanted
    whole = len(prefix) + len(suffix)
    if held is None:
        return whole + sum(len(each.text) for each in excerpts)
    same = _same_at_start(held[0], excerpts)
    if same < max(len(held[0]), len(excerpts)):
        return whole + sum(len(each.text) for each in excerpts[same:])
    if held[2] != suffix:
        return whole
    return len(prefix) - _same_at_start(held[1], prefix)


def _same_at_start(one: Sequence[object], other: Sequence[object]) -> int:
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def told_share(kept: Sequence[Excerpt], wanted: Sequence[Excerpt]) -> float:
    """Return how much of what is wanted `kept` tells, from 0 to 1; the best counts most."""
    shown: dict[str, frozenset[str]] = {}
    for each in kept:
        shown[each.path] = shown.get(each.path, frozenset()) | each.lines
    told = total = 0.0
    for rank, each in enumerate(wanted, 1):
        lines = each.lines
        if lines:
            told += len(lines & shown.get(each.path, frozenset())) / len(lines) / rank
            total += 1 / rank
    return told / total if total else 1.0


def _renewed(
    kept: Sequence[Excerpt], wanted: Sequence[Excerpt], budget_chars: int
) -> tuple[Excerpt, ...]:
    """Return the first excerpts as far as they still serve, then what else is wanted."""
    by_path = {each.path: each.lines for each in wanted}
    chosen: list[Excerpt] = []
    left = budget_chars
    for each in kept:
        lines = each.lines
        serves = len(lines & by_path.get(each.path, frozenset())) * 2 >= len(lines)
        if not serves or len(each.text) > left:
            break
        chosen.append(each)
        left -= len(each.text)
    for each in wanted:
        new = _without(each, chosen)
        if new is not None and len(new.text) <= left:
            chosen.append(new)
            left -= len(new.text)
    return tuple(chosen)


def _without(excerpt: Excerpt, chosen: Sequence[Excerpt]) -> Excerpt | None:
    """Return what an excerpt says that those chosen from the same file don't say yet."""
    same = [each.lines for each in chosen if each.path == excerpt.path]
    if not same:
        return excerpt
    told = frozenset[str]().union(*same)
    lines = [line for line in excerpt.text.split("\n") if line.strip() not in told]
    return Excerpt(excerpt.path, "\n".join(lines)) if any(map(str.strip, lines)) else None


def _line_start(text: str, at: int) -> int:
    """Return the first beginning of a line from `at` on; `at` itself within a last long line."""
    found = text.find("\n", at)
    return found + 1 if 0 <= found < len(text) - 1 else at

"""Whether text that was generated for one place still fits another one (L5).

It may: after typing along with it, after deleting some of it, after an editor closed a bracket.
"""

from dataclasses import dataclass

from cerebrum_lsp.core.document import Snapshot
from cerebrum_lsp.core.shape import CLOSERS

MAX_DELETED_CHARS = 80  # further back the text was generated for another thought
MAX_CLOSERS = 4  # brackets and quotes that an editor may have added or removed after the cursor


@dataclass(frozen=True)
class Fit:
    """What remains to be offered at a place; empty if all that there is was typed already."""

    remainder: str


def fit(anchor: Snapshot, generated: str, place: Snapshot) -> Fit | None:
    """Return what of `generated`, made for `anchor`, remains at `place`; None if it doesn't fit."""
    if not _same_after_cursor(anchor.suffix, place.suffix):
        return None
    if place.prefix.startswith(anchor.prefix):
        typed = place.prefix[len(anchor.prefix) :]
        if generated.startswith(typed):
            return Fit(generated[len(typed) :])
        return Fit("") if typed.startswith(generated) else None
    deleted = len(anchor.prefix) - len(place.prefix)
    if 0 < deleted <= MAX_DELETED_CHARS and anchor.prefix.startswith(place.prefix):
        again = anchor.prefix[len(place.prefix) :]
        return Fit(again + generated) if "\n" not in again else None
    return None


def can_continue(anchor: Snapshot, generated: str, text: str) -> bool:
    """Whether somewhere in `text` there is a place at which `generated` may still be offered.

    The protocol tells of edits, not of the cursor; but the place of a completion is where the text
    after it begins.
    """
    for added in range(-MAX_CLOSERS, MAX_CLOSERS + 1):
        cut = len(text) - len(anchor.suffix) - added
        if cut < 0 or not _is_place(anchor, text, cut):
            continue
        place = Snapshot(
            anchor.uri, None, anchor.language, anchor.path, text[:cut], text[cut:], anchor.cursor
        )
        if fit(anchor, generated, place) is not None:
            return True
    return False


def _is_place(anchor: Snapshot, text: str, cut: int) -> bool:
    """Rule out most places without copying the text."""
    kept = max(0, len(anchor.prefix) - MAX_DELETED_CHARS)
    return cut >= kept and text.startswith(anchor.prefix[: min(kept, cut)])


def _same_after_cursor(ours: str, theirs: str) -> bool:
    """Whether two texts are the same but for closers at the beginning of one of them."""
    longer, shorter = (ours, theirs) if len(ours) >= len(theirs) else (theirs, ours)
    extra = len(longer) - len(shorter)
    return extra <= MAX_CLOSERS and set(longer[:extra]) <= CLOSERS and longer.endswith(shorter)

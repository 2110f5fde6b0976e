"""One generation, and what of its text can be shown where."""

from dataclasses import dataclass

from cerebrum_lsp.core.document import Snapshot
from cerebrum_lsp.core.filters.pipeline import Filtered, apply_filters
from cerebrum_lsp.core.reuse import fit


@dataclass
class Run:
    """One generation and its text so far."""

    id: int
    place: Snapshot
    text: str = ""
    is_live: bool = True
    is_cut: bool = False
    """Whether it ended at its limit, in the middle of what it had to say."""

    def remainder(self, place: Snapshot) -> str | None:
        """Return what of the text is still to come after `place`, None if it doesn't fit there."""
        found = fit(self.place, self.text, place)
        return None if found is None else found.remainder

    def serves(self, place: Snapshot) -> bool:
        """Whether there is, or may still be, something to offer at `place`."""
        remainder = self.remainder(place)
        if remainder is None or self.is_live:
            return remainder is not None
        is_same_place = self.place.prefix == place.prefix and self.place.suffix == place.suffix
        return bool(remainder) or is_same_place

    def offer(self, place: Snapshot, *, is_last_chance: bool = False) -> Filtered:
        """Return what can be shown at `place`.

        While it goes on, what can't be judged yet is held back, unless this is the last chance.
        """
        remainder = self.remainder(place)
        if remainder is None:
            return Filtered("")
        is_cut = self.is_cut or (self.is_live and is_last_chance)
        is_complete = not self.is_live or is_last_chance
        return apply_filters(remainder, place, is_complete=is_complete, is_cut=is_cut)

    def offer_lines(self, place: Snapshot) -> Filtered:
        """Return the lines that are complete: a menu keeps what it shows."""
        lines = (self.remainder(place) or "").rpartition("\n")[0]
        return apply_filters(lines, place, is_complete=False, is_cut=False)

    def has_line(self, place: Snapshot) -> bool:
        """Whether the first line that can be shown at `place` is complete."""
        remainder = self.remainder(place) or ""
        return "\n" in remainder.lstrip("\n") and bool(self.offer(place).text)

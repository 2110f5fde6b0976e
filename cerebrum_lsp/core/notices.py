"""What is wrong with the pool, told where somebody asked: one notice a document, until it is over.

Never one for every keystroke: a notice that stands is not told again (L9).
"""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["information", "warning", "error"]

SEVERITIES: dict[str, Severity] = {
    "load-shed": "information",
    "circuit-open": "warning",
    "no-node": "warning",
    "unauthorized": "error",
}
CODES = {
    "shed:load-shed": "load-shed",
    "circuit-open": "circuit-open",
    "failed:no-node": "no-node",
    "failed:no-pool": "no-node",
    "failed:pool-start-failed": "no-node",
    "failed:unauthorized": "unauthorized",
}
SERVED = {"shown", "nothing-to-say"}  # outcomes that only a pool that works can bring about


@dataclass(frozen=True)
class Notice:
    """A state of the pool, to be shown on a line (from 0) of a document."""

    line: int
    code: str
    message: str

    @property
    def severity(self) -> Severity:
        """How much it should catch the eye."""
        return SEVERITIES[self.code]


@dataclass(frozen=True)
class Change:
    """Show `notice` in the document, or take away what is shown there."""

    uri: str
    notice: Notice | None


class Notices:
    """The notices that stand, at most one a document."""

    def __init__(self) -> None:
        self._standing: dict[str, Notice] = {}

    def standing(self, uri: str) -> Notice | None:
        """Return what is to be shown in a document."""
        return self._standing.get(uri)

    def on_outcome(self, uri: str, line: int, outcome: str, message: str) -> list[Change]:
        """Take in what became of a request; `message` says what happened, where, until when."""
        if outcome in SERVED:
            return self.on_recovery()
        code = CODES.get(outcome)
        standing = self._standing.get(uri)
        if code is None or (standing is not None and standing.code == code):
            return []
        self._standing[uri] = notice = Notice(line, code, message)
        return [Change(uri, notice)]

    def on_recovery(self) -> list[Change]:
        """Take away everything: the pool serves again."""
        changes = [Change(uri, None) for uri in self._standing]
        self._standing.clear()
        return changes

    def on_close(self, uri: str) -> list[Change]:
        """Take away what is shown in a document that was closed."""
        return [Change(uri, None)] if self._standing.pop(uri, None) is not None else []

"""The kinds of actions, as clients name them; imported before the handshake, so on its own."""

from enum import StrEnum

REWRITE = "refactor.rewrite.cerebrum"
ASYNC = f"{REWRITE}.async"
ASYNC_CALLERS = f"{REWRITE}.async.callers"
DOCUMENT = f"{REWRITE}.document"
TYPES = f"{REWRITE}.types"
TESTS = f"{REWRITE}.tests"
EXPLAIN = f"{REWRITE}.explain"
INSTRUCT = f"{REWRITE}.instruct"
FIX = "quickfix.cerebrum.fix"
KINDS = ("quickfix.cerebrum", REWRITE)
"""Beginnings of all kinds, for the handshake."""
RULED = frozenset({ASYNC, ASYNC_CALLERS})
"""Kinds that rules may do without a model."""


class Triable(StrEnum):
    """What can be tried in the terminal: the ends of kinds that need no more than a place."""

    ASYNC = "async"
    ASYNC_CALLERS = "async.callers"
    DOCUMENT = "document"
    TYPES = "types"
    EXPLAIN = "explain"

    @property
    def kind(self) -> str:
        """The kind of the code action."""
        return f"{REWRITE}.{self}"

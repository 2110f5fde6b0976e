"""How the inner rules give up: caught where the rewrite returns its value."""


class UndecidedError(Exception):
    """The rules can't decide; the message is a sentence for the user."""

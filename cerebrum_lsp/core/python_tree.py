"""Python's own parser, on text that anybody may have written."""

import ast
import warnings

UNPARSABLE = (SyntaxError, ValueError, RecursionError, MemoryError, SystemError)
"""What the parser raises. The last three come of nesting; CPython 3.11 says SystemError now and
then of a tree that it has just made (its issue 106905)."""


def parsed(text: str) -> ast.Module | None:
    """Return a text's tree, None if it doesn't parse."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those are about the user's source
        try:
            return ast.parse(text)
        except UNPARSABLE:
            return None

"""What a call of requests looks like in httpx."""

import ast

from cerebrum_lsp.core.async_refactor import replacements as table
from cerebrum_lsp.core.async_refactor.undecided import UndecidedError


def renamed_keywords(call: ast.Call, method: str) -> tuple[tuple[str, str], ...]:
    """Return the keywords that change their names; raise where httpx has no counterpart."""
    positional = 2 if method == "request" else 1
    if len(call.args) > positional or any(isinstance(arg, ast.Starred) for arg in call.args):
        raise UndecidedError("httpx takes nothing but method and URL by position")
    for keyword in call.keywords:
        refuse_keyword(keyword)
    return tuple(
        (word.arg, table.REQUESTS_KEYWORDS[word.arg])
        for word in call.keywords
        if word.arg and table.REQUESTS_KEYWORDS[word.arg] != word.arg
    )


def refuse_keyword(keyword: ast.keyword) -> None:
    """Raise if a keyword has no counterpart in httpx."""
    if keyword.arg is None:
        raise UndecidedError("`**` hides which arguments of requests are given")
    if keyword.arg not in table.REQUESTS_KEYWORDS:
        raise UndecidedError(f"httpx has no `{keyword.arg}=` for a single request")
    if keyword.arg == "timeout" and isinstance(keyword.value, ast.Tuple):
        raise UndecidedError("httpx takes no pair as `timeout`")


def has_timeout(call: ast.Call) -> bool:
    """Whether a request says how long it may take."""
    return any(keyword.arg == "timeout" for keyword in call.keywords)

"""What names say about the thing that they name."""

import ast
import sys

from cerebrum_lsp.core.async_refactor.module_view import Function, dotted_name
from cerebrum_lsp.core.async_refactor.vocabulary import (
    HANDLER_WORD,
    IO_NOUNS,
    IO_VERBS,
    LOGGER_NAMES,
    SYNC_LAST_WORDS,
)
from cerebrum_lsp.core.async_refactor.words import words


def is_io_name(name: str) -> bool:
    """Whether a function's name says that it waits for the outside."""
    parts = words(name)
    if name.startswith("__") or parts[-1] in SYNC_LAST_WORDS:
        return False
    is_handler = parts[0] == HANDLER_WORD and len(parts) > 1
    return parts[0] in IO_VERBS or parts[-1] in IO_NOUNS or is_handler


def is_standard(dotted: str) -> bool:
    """Whether a dotted name comes from the standard library."""
    return dotted.split(".", maxsplit=1)[0] in sys.stdlib_module_names


def is_logger(receiver: ast.expr) -> bool:
    """Whether a method is called on a logger."""
    name = dotted_name(receiver).lower().rsplit(".", 1)[-1].lstrip("_")
    return name in LOGGER_NAMES or name.endswith("logger")


def is_super(receiver: ast.expr) -> bool:
    """Whether a method is called on `super()`."""
    match receiver:
        case ast.Call(func=ast.Name("super")):
            return True
    return False


def is_context_manager(function: Function) -> bool:
    """Whether a function is decorated to be used with `with`."""
    return any(
        ast.unparse(d).rsplit(".", 1)[-1] in ("contextmanager", "asynccontextmanager")
        for d in function.node.decorator_list
    )

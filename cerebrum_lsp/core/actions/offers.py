"""Which actions fit at a place."""

import ast
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cerebrum_lsp.core.actions.comments import comment_form, doc_form
from cerebrum_lsp.core.actions.kinds import (
    ASYNC,
    ASYNC_CALLERS,
    DOCUMENT,
    EXPLAIN,
    INSTRUCT,
    TESTS,
    TYPES,
)
from cerebrum_lsp.core.actions.surroundings import Surroundings
from cerebrum_lsp.core.actions.write_tests import HABITS
from cerebrum_lsp.core.python_tree import parsed
from orchestrator.retrieval.syntax import Definition
from orchestrator.retrieval.syntax.structure import CALLABLES, CONTAINERS

PROTOCOL_METHODS = frozenset({"__call__", "__enter__", "__exit__", "__iter__", "__next__"})
"""Special methods that have an async counterpart, or may be awaited themselves."""


@dataclass(frozen=True)
class Offer:
    """An action that can be asked for, under the title that a menu shows."""

    kind: str
    title: str


@dataclass(frozen=True)
class Means:
    """What pool and client can do: follow instructions, make files, ask the user for words."""

    has_model: bool = False
    creates_files: bool = False
    asks_for_words: bool = False


def offers(here: Surroundings, means: Means) -> list[Offer]:
    """Return what can be done; without a model, what rules can do alone."""
    found = list(_by_rules(here))
    if means.has_model and not here.is_blank:
        found += _by_model(here, means)
    return found


def _by_model(here: Surroundings, means: Means) -> Iterator[Offer]:
    definition, header = _innermost(here)
    if definition is not None:
        name = definition.name
        if not definition.doc_first and doc_form(here.language) is not None:
            yield Offer(DOCUMENT, f"Document `{name}`")
        if here.language == "python" and _lacks_types(header):
            yield Offer(TYPES, f"Add types to `{name}`")
        if means.creates_files and here.language in HABITS:
            yield Offer(TESTS, f"Write tests for `{name}`")
    if comment_form(here.language) is not None:
        what = f"`{definition.name}`" if definition and not here.is_selection else "these lines"
        yield Offer(EXPLAIN, f"Explain {what} in a comment")
    if means.asks_for_words:
        yield Offer(INSTRUCT, "Change this as I say…")


def _innermost(here: Surroundings) -> tuple[Definition | None, str]:
    """Return the function or class that is meant, with its header."""
    kinds = CALLABLES | CONTAINERS
    return next((each for each in here.definitions if each[0].kind in kinds), (None, ""))


def _lacks_types(header: str) -> bool:
    """Whether a Python function has a parameter, or a result, without an annotation."""
    tree = parsed(f"{textwrap.dedent(header).rstrip().rstrip(':')}: ...")
    match tree.body if tree else []:
        case [ast.FunctionDef(args=a, returns=r) | ast.AsyncFunctionDef(args=a, returns=r)]:
            named = [*a.posonlyargs, *a.args, *a.kwonlyargs, a.vararg, a.kwarg]
            bare = [each for each in named if each is not None and each.annotation is None]
            return r is None or any(each.arg not in ("self", "cls") for each in bare)
    return False


def wanted(kind: str, only: Sequence[str] | None) -> bool:
    """Whether a client that asks for some kinds (None: for all) asks for this one."""
    return only is None or any(kind == each or kind.startswith(f"{each}.") for each in only)


def _by_rules(here: Surroundings) -> Iterator[Offer]:
    if here.language != "python":
        return
    function = here.function
    if function is None or not function[1].startswith("def "):
        return
    name = function[0].name
    if name.startswith("__") and name.endswith("__") and name not in PROTOCOL_METHODS:
        return
    yield Offer(ASYNC, f"Refactor `{name}` to async")
    yield Offer(ASYNC_CALLERS, f"Refactor `{name}` and its callers in this file to async")

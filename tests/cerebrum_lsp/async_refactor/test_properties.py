"""Whatever small function is given: the answer is sound, or there is a reason for none."""

import ast
import textwrap
import warnings

from hypothesis import example, given, settings
from hypothesis import strategies as st

from cerebrum_lsp.core.async_refactor import (
    Agrees,
    Callees,
    Declined,
    Facts,
    Request,
    Rewritten,
    check,
)
from cerebrum_lsp.core.async_refactor.refactor import refactor
from tests.cerebrum_lsp.async_refactor.golden import apply_edits

HEAD = """\
import queue
import subprocess
import threading
import time
from contextlib import contextmanager

import requests

from .wire import connect


class Link:
    def __init__(self, transport):
        self.transport = transport
        self.guard = threading.Lock()

    def fetch(self, n):
        return self.transport.read(n)

    def rows(self):
        while True:
            yield self.transport.receive()

    @contextmanager
    def open(self):
        self.transport.connect()
        yield self


"""
FACTS = Facts(module="pack.mod", async_functions=frozenset({"pack.wire.connect"}))

ATOMS = (
    "a", "1", "'text'", "link", "link.fetch", "time.sleep(1)", "connect(a)", "link.fetch(2)",
    "a.send(b'')", "requests.get(a, timeout=1)", "subprocess.run(['ls'])", "input('?')",
    "link.transport.read(3)", "queue.Queue()", "link.rows()", "inner(a)", "target(a)", "next(a)",
)  # fmt: skip
EXPRESSIONS = (
    "{0} + {1}", "not {0}", "-({0}) ** 2", "({0}).name", "({0})[{1}]", "f'{{{0}}}'", "[{0}, *{1}]",
    "[{0} for x in {1}]", "{{x: {0} for x in {1} if x}}", "sum({0} for x in {1})",
    "lambda: {0}", "(y := {0})", "{0} if {1} else a", "print({0}, end={1})", "{0} and {1}",
    "str({0}  # why\n)", "({0},\n {1})", "list({0})",
)  # fmt: skip
STATEMENTS = (
    "{e}", "b = {e}", "b += {e}", "b: int = {e}", "return {e}", "assert {e}, {e}", "del b",
    "# a comment\nb = {e}  # and one behind", "raise ValueError({e})", "pass; b = {e}",
    "lock = threading.Lock()", "jobs = queue.Queue()", "jobs.put({e})", "yield {e}",
    "session = requests.Session()", "session.get({e})", "global c",
)  # fmt: skip
COMPOUNDS = (
    "if {e}:\n{s}\nelif {e}:\n{s}\nelse:\n{s}",
    "while {e}:\n{s}",
    "for x in {e}:\n{s}",
    "for x in link.rows():\n{s}",
    "with {e} as y:\n{s}",
    "with link.open():\n{s}",
    "with lock:\n{s}",
    "with link.guard:\n{s}",
    "with open(a) as f:\n{s}",
    "with requests.Session() as session:\n{s}",
    "try:\n{s}\nexcept requests.Timeout:\n{s}\nfinally:\n{s}",
    "def inner(a):\n{s}",
    "async def later():\n{s}",
    "class Inside:\n    b = 1",
    "match {e}:\n    case 1:\n{ss}",
)


def filled_expression(parts: tuple[str, str, str]) -> str:
    template, left, right = parts
    return template.format(f"({left})", f"({right})")


expressions = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.tuples(st.sampled_from(EXPRESSIONS), inner, inner).map(filled_expression),
    max_leaves=4,
)


@st.composite
def statements(draw: st.DrawFn, depth: int = 2) -> str:
    template = draw(st.sampled_from(STATEMENTS + (COMPOUNDS if depth else ())))
    while "{e}" in template:
        template = template.replace("{e}", draw(expressions), 1)
    for mark, indent in (("{ss}", " " * 8), ("{s}", " " * 4)):
        while mark in template:
            inner = draw(st.lists(statements(depth - 1), min_size=1, max_size=2))
            template = template.replace(mark, textwrap.indent("\n".join(inner), indent), 1)
    return template


def function(body: list[str]) -> str:
    return "def target(a, link: Link):\n" + textwrap.indent("\n".join(body), "    ") + "\n"


def is_python(text: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is drawn is often odd
        try:
            compile(text, "<drawn>", "exec")
        except SyntaxError:
            return False
    return True


INNER_GENERATOR_THAT_RETURNS = function(
    ["def inner(a):\n    yield a\n    for x in link.rows():\n        return a"]
)
functions = st.lists(statements(), min_size=1, max_size=4).map(function).filter(is_python)
requests = st.builds(
    Request,
    line=st.just(HEAD.count("\n") + 1),
    callees=st.sampled_from(Callees),
    callers=st.booleans(),
)


def target_of(text: str) -> ast.FunctionDef | ast.AsyncFunctionDef:
    return next(
        node
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == "target"
    )


@example(INNER_GENERATOR_THAT_RETURNS, Request(HEAD.count("\n") + 1, Callees.CONVERTIBLE))
@settings(deadline=None)
@given(functions, requests)
def test_an_answer_compiles_and_is_the_original_but_for_async(body: str, request: Request) -> None:
    text = HEAD + body
    answer = refactor(text, request, FACTS)
    if isinstance(answer, Declined):
        assert answer.reason != "the rules would write code that doesn't compile"
        return
    assert is_python(answer.text)
    assert isinstance(target_of(answer.text), ast.AsyncFunctionDef)
    assert check(text, answer.text, FACTS) == Agrees()
    assert apply_edits(text, answer.edits) == answer.text


@settings(deadline=None)
@given(functions)
def test_what_blocks_is_replaced_or_the_answer_is_declined(body: str) -> None:
    answer = refactor(HEAD + body, Request(HEAD.count("\n") + 1), FACTS)
    if isinstance(answer, Rewritten):
        left = [ast.unparse(node) for node in own_calls(target_of(answer.text))]
        assert not [call for call in left if call.startswith(("time.sleep", "requests.get"))]


def own_calls(node: ast.AST) -> list[ast.Call]:
    """Every call in a function that isn't in an inner one or a class."""
    found = [node] if isinstance(node, ast.Call) else []
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found += own_calls(child)
    return found


@settings(deadline=None)
@given(functions, requests)
def test_comments_are_kept(body: str, request: Request) -> None:
    answer = refactor(HEAD + body, request, FACTS)
    if isinstance(answer, Rewritten):
        assert answer.text.count("#") == (HEAD + body).count("#")

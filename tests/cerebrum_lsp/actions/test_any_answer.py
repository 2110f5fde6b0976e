"""Whatever a model answers: no crash, and a file that parsed parses afterwards."""

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cerebrum_lsp.core.actions.kinds import ASYNC, DOCUMENT, EXPLAIN, FIX, INSTRUCT, TESTS, TYPES
from cerebrum_lsp.core.actions.recipes import read
from cerebrum_lsp.core.actions.values import Change, Task
from tests.cerebrum_lsp.actions.test_core import applied

CODE = '''\
import json


class Orders:
    """Orders."""

    def total(self, store, name):
        rows = store.fetch(name)  # slow
        if not rows:
            return 0
        return json.loads(rows)


def other(): return Orders().total(1, 2)
'''
LINES = st.sampled_from(
    [
        *CODE.splitlines(),
        *("```", "```python", "````", "~~~", "<think>", "</think>", "", "Sure!", '"""', "'''"),
        *("async def total(self, store, name):", "def total(self, store: str, name):", "\\", "\t"),
        *("        rows = await store.fetch(name)  # slow", "import os", "await x", "<secret:a>"),
        *("async def total(self, store, name) -> int: ...", "    return 1", "# \x0c\x00", "\ud800"),
    ]
)
ANSWERS = st.one_of(st.lists(LINES, max_size=14).map("\n".join), st.text(max_size=80))


@pytest.mark.parametrize("kind", [ASYNC, DOCUMENT, EXPLAIN, FIX, INSTRUCT, TESTS, TYPES])
@settings(deadline=None, max_examples=150)
@given(answer=ANSWERS, is_cut=st.booleans(), line=st.integers(0, 14), lines=st.integers(0, 3))
def test_any_answer_is_refused_or_leaves_code(
    kind: str, answer: str, is_cut: bool, line: int, lines: int
) -> None:
    task = Task(kind, "orders.py", "python", CODE, line, line + lines, words="x")
    got = read(task, answer, is_cut=is_cut)
    if isinstance(got, Change):
        text = got.new_file.text if got.new_file else applied(CODE, got.changes)
        ast.parse(text)

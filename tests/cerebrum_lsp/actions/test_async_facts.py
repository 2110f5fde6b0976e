"""What the index tells the rules of a file's imports, and what comes of it."""

import pytest

from cerebrum_lsp.core.actions.async_facts import facts_of
from cerebrum_lsp.core.actions.async_rules import by_rules
from cerebrum_lsp.core.actions.kinds import ASYNC
from cerebrum_lsp.core.actions.values import Change, Task
from cerebrum_lsp.core.async_refactor import Facts
from cerebrum_lsp.core.index import Index
from tests.cerebrum_lsp.actions.test_core import applied

FILES = {
    "shop/__init__.py": "",
    "shop/db/__init__.py": "from .rows import fetch\n",
    "shop/db/rows.py": "async def fetch(key):\n    return key\n\n\ndef name():\n    return ''\n",
    "shop/store.py": (
        "class Store:\n    async def save(self, row):\n        pass\n\n    def close(self):\n"
        "        pass\n"
    ),
    "shop/api.py": (
        "class Client:\n    def get(self): ...\n\n\n"
        "class AsyncClient:\n    async def get(self): ...\n"
    ),
}


def index_of(text: str, **more: str) -> Index:
    index = Index()
    for path, content in {**FILES, **more, "shop/orders.py": text}.items():
        index.update(path, content)
    return index


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("from shop.db.rows import fetch", {"shop.db.rows.fetch"}),
        ("from shop.db.rows import fetch as get", {"shop.db.rows.fetch"}),
        ("from shop.db.rows import name", set()),
        ("from .db import fetch", {"shop.db.fetch"}),
        ("from shop.db import fetch", {"shop.db.fetch"}),
        ("import shop.db.rows", {"shop.db.rows.fetch"}),
        ("from .db import rows", {"shop.db.rows.fetch"}),
        ("from .store import Store", {"shop.store.Store.save"}),
        ("from . import store", {"shop.store.Store.save"}),
        ("from elsewhere import fetch", set()),
        ("import os", set()),
    ],
)
def test_async_definitions_are_known_by_the_name_they_are_imported_under(
    line: str, names: set[str]
) -> None:
    facts = facts_of(index_of(line + "\n"), "shop/orders.py")
    assert facts == Facts("shop.orders", frozenset(names))


def test_an_async_twin_beside_a_class_is_known() -> None:
    facts = facts_of(index_of("from shop.api import Client\n"), "shop/orders.py")
    assert facts.async_twins == {"shop.api.Client": "shop.api.AsyncClient"}
    assert facts.async_functions == {"shop.api.AsyncClient.get"}


def test_a_library_that_the_workspace_uses_is_known() -> None:
    index = index_of("", **{"shop/files.py": "import aiofiles.os\n"})
    assert facts_of(index, "shop/orders.py").libraries == {"aiofiles"}


def test_a_file_that_is_not_indexed_has_its_name_and_nothing_else() -> None:
    assert facts_of(Index(), "a/b.py") == Facts("a.b")


def test_the_rules_await_what_the_index_knows() -> None:
    text = "from .db import fetch\n\n\ndef load(key):\n    return fetch(key)\n"
    facts = facts_of(index_of(text), "shop/orders.py")
    answer = by_rules(Task(ASYNC, "shop/orders.py", "python", text, 3, 3, facts=facts))
    assert isinstance(answer, Change)
    assert applied(text, answer.changes) == text.replace("def load", "async def load").replace(
        "return fetch", "return await fetch"
    )

"""What an import means: relative, aliased, star, re-exported, and in other languages by path."""

import pytest

from cerebrum_lsp.core.index import Index

PACKAGE = {
    "src/app/__init__.py": "from .core import Engine as Motor\nfrom .parts import *\n",
    "src/app/core.py": "class Engine:\n    def start(self): ...\n",
    "src/app/parts/__init__.py": "from app.parts.wheel import Wheel\n",
    "src/app/parts/wheel.py": "class Wheel: ...\n",
    "other/app/core.py": "class Other: ...\n",
}


def check(importer: str, statement: str, *expected: str, files: dict[str, str] = PACKAGE) -> None:
    index = Index()
    for path, text in files.items():
        index.update(path, text)
    source = index.update(importer, statement)
    found = [
        f"{place.path}:{index.definition(place).name}"
        for each in source.outline.imports
        for place in index.resolve(importer, source.outline.language, each)
    ]
    assert found == list(expected)


@pytest.mark.parametrize(
    ("importer", "statement", "expected"),
    [
        ("src/app/use.py", "from app.core import Engine", "src/app/core.py:Engine"),
        ("src/app/use.py", "from .core import Engine as E", "src/app/core.py:Engine"),
        ("src/app/parts/use.py", "from ..core import Engine", "src/app/core.py:Engine"),
        ("src/use.py", "from app import Motor", "src/app/core.py:Engine"),
        ("src/use.py", "from app import Wheel", "src/app/parts/wheel.py:Wheel"),
        ("src/use.py", "from app.core import *", "src/app/core.py:Engine"),
    ],
)
def test_a_python_import_finds_its_definition(importer: str, statement: str, expected: str) -> None:
    check(importer, statement + "\n", expected)


def test_an_import_of_something_unknown_finds_nothing() -> None:
    check("src/use.py", "from elsewhere import Engine\nfrom .....core import Engine\n")


def test_imports_in_a_circle_end() -> None:
    circle = {"a.py": "from b import x\n", "b.py": "from a import x\n"}
    check("c.py", "from a import x\n", files=circle)


def test_the_nearest_file_of_that_name_is_meant() -> None:
    check("other/use.py", "from app.core import Other\n", "other/app/core.py:Other")


def test_javascript_resolves_by_path() -> None:
    check(
        "web/main.ts",
        "import { draw } from './canvas';\n",
        "web/canvas.ts:draw",
        files={"web/canvas.ts": "export function draw() {}\n"},
    )


def test_a_removed_file_is_found_no_more() -> None:
    index = Index()
    index.update("a.py", "def f(): ...\n")
    index.remove("a.py")
    assert index.definitions_of("f") == []
    assert index.modules.find_python("b.py", "a", 0) == []
    assert index.memory_bytes == 0

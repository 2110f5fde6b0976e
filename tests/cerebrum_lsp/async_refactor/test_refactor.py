"""What the rewrite does with lines, line ends and texts that aren't ordinary."""

import pytest

from cerebrum_lsp.core.async_refactor import Declined, Request, Rewritten, module_of
from cerebrum_lsp.core.async_refactor.refactor import refactor

SLEEPER = "import time\n\n\ndef outer():\n    def inner():\n        time.sleep(1)\n    inner()\n"


def rewritten(text: str, line: int) -> Rewritten:
    answer = refactor(text, Request(line))
    assert isinstance(answer, Rewritten)
    return answer


def declined(text: str, line: int) -> str:
    answer = refactor(text, Request(line))
    assert isinstance(answer, Declined)
    return answer.reason


def test_a_line_inside_a_function_means_the_innermost_one() -> None:
    assert "async def inner" in rewritten(SLEEPER, 6).function
    assert rewritten(SLEEPER, 6).function.startswith("    async def inner")
    assert "async def outer" in rewritten(SLEEPER, 7).function


def test_a_decorators_line_means_its_function() -> None:
    text = "import time\n\n@staticmethod\ndef go():\n    time.sleep(1)\n"
    assert rewritten(text, 3).function == (
        "@staticmethod\nasync def go():\n    await asyncio.sleep(1)\n"
    )


@pytest.mark.parametrize("line", [0, 1, 2, 99])
def test_a_line_outside_of_functions_is_declined(line: int) -> None:
    assert declined(SLEEPER, line) == "there is no function on this line"


@pytest.mark.parametrize("text", ["def go(:\n", "def go():\n    x = '\0'\n", "def go():\npass\n"])
def test_what_does_not_parse_is_declined(text: str) -> None:
    assert declined(text, 1) == "the file doesn't parse"


def test_deeply_nested_code_is_answered() -> None:
    text = f"import time\ndef go():\n    time.sleep(1)\n    return {'(' * 60}1{')' * 60}\n"
    assert "await asyncio.sleep(1)" in rewritten(text, 2).text


def test_code_that_is_nested_too_deeply_is_declined() -> None:
    text = f"import time\ndef go():\n    time.sleep(1)\n    return {'1 + ' * 4000}1\n"
    assert declined(text, 2) == "the code is nested too deeply"


def test_windows_line_ends_are_kept() -> None:
    text = SLEEPER.replace("\n", "\r\n")
    new = rewritten(text, 5).text
    assert "async def inner():\r\n        await asyncio.sleep(1)\r\n" in new
    assert new.count("\n") == new.count("\r\n")


def test_tabs_and_a_missing_last_line_end_are_kept() -> None:
    text = "import time\nclass A:\n\tdef go(self):\n\t\ttime.sleep(1)"
    new = "import asyncio\nclass A:\n\tasync def go(self):\n\t\tawait asyncio.sleep(1)"
    assert rewritten(text, 3).text == new


def test_a_form_feed_is_no_line_end() -> None:
    text = "import time\n\x0c\ndef go():\n    time.sleep(1)\n"
    assert rewritten(text, 3).text == (
        "import asyncio\n\x0c\nasync def go():\n    await asyncio.sleep(1)\n"
    )


def test_edits_touch_only_what_changes() -> None:
    text = "import time\nx = 1\ndef go():\n    # stays\n    time.sleep(1)\n    return x\n"
    assert [(e.start, e.end) for e in rewritten(text, 3).edits] == [(0, 0), (0, 1), (2, 3), (4, 5)]


def test_an_import_that_is_there_is_not_repeated() -> None:
    text = "import asyncio\nimport time\ndef go():\n    time.sleep(1)\nasyncio.run(None)\n"
    assert rewritten(text, 3).text.count("import asyncio") == 1


def test_imports_follow_docstring_and_future() -> None:
    text = '"""Doc."""\nfrom __future__ import annotations\n\ndef go():\n    return input()\n'
    assert rewritten(text, 4).text.startswith(
        '"""Doc."""\nfrom __future__ import annotations\n\nimport asyncio\n\nasync def go'
    )


def test_a_source_that_python_warns_about_is_answered_quietly() -> None:
    text = "import time\ndef go():\n    time.sleep(1)\n    return '\\d', 1 is 1\n"
    assert "await asyncio.sleep(1)\n    return '\\d', 1 is 1" in rewritten(text, 2).text


@pytest.mark.parametrize(
    ("path", "module"),
    [("a/b/c.py", "a.b.c"), ("a/__init__.py", "a"), ("/a.py", "a"), ("__init__.py", "")],
)
def test_a_paths_module(path: str, module: str) -> None:
    assert module_of(path) == module

"""The pipeline on cases that show what each of its filters is for: tests/golden/filters."""

import tomllib
from pathlib import Path

import pytest

from cerebrum_lsp.core.filters.pipeline import CUT_PIPELINE, Filtered, apply_filters
from tests.cursor import snapshot

GOLDEN = Path(__file__).parents[2] / "golden" / "filters"
CASES = [
    pytest.param(case, id=f"{file.stem}: {case['name']}")
    for file in sorted(GOLDEN.glob("*.toml"))
    for case in tomllib.loads(file.read_text(encoding="utf-8"))["case"]
]


def check(case: dict[str, str]) -> None:
    """What is shown of `raw` at the cursor of `at`; the language follows from the path."""
    at = snapshot(case["at"], language="", path=case.get("path", "a.py"))
    expected = Filtered(case["shown"], case.get("dropped_by"), int(case.get("covers", 0)))
    assert apply_filters(case["raw"], at) == expected


@pytest.mark.parametrize("case", CASES)
def test_what_is_shown(case: dict[str, str]) -> None:
    check(case)


@pytest.mark.parametrize(
    ("marked", "raw", "shown"),
    [
        ("if a:\n    ‸\n", "b()\n    c(d,", "b()"),
        ("if a:\n    ‸\n", "b()\n    x = fo", "b()"),
        ("if a:\n    ‸\n", "b()\n    c(d)", "b()\n    c(d)"),
        ("if a:\n    ‸\n", "b(c, d", "b(c, d"),
        ("a = [‸]\n", "b,\n     c", "b,\n     c"),
    ],
    ids=["open bracket", "half a word", "a whole last line", "the only line", "the line goes on"],
)
def test_half_a_line_is_dropped_when_the_limit_cut_it(marked: str, raw: str, shown: str) -> None:
    assert apply_filters(raw, snapshot(marked), is_cut=True).text == shown


def test_a_text_that_ended_by_itself_keeps_its_last_line() -> None:
    assert apply_filters("b()\n    x = fo", snapshot("if a:\n    ‸\n")).text.endswith("x = fo")


def test_each_filter_is_one_file_of_that_name() -> None:
    for each in CUT_PIPELINE:
        assert each.__module__.rpartition(".")[2] == each.__name__
        assert each.__doc__


def test_what_editors_say_of_the_language_comes_before_the_file_s_name() -> None:
    raw = "```python\nx\n```"
    assert apply_filters(raw, snapshot("‸", language="markdown")).text == raw
    assert apply_filters(raw, snapshot("‸", language="python", path="a.md")).text == "x"
    assert apply_filters(raw, snapshot("‸", language="plaintext", path="a.go")).text == "x"

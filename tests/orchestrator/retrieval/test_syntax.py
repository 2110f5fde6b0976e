"""Outlines, references and stubs: golden cases for every language, and the edges."""

from pathlib import Path

import pytest

from orchestrator.retrieval.syntax import (
    LANGUAGES,
    get_language,
    get_parser,
    language_of,
    outline,
    parse,
    references,
    stub,
)
from tests.orchestrator.retrieval.outlines import rendered

GOLDEN = Path(__file__).parents[2] / "golden" / "outlines"
CLASS = (
    'class A(B):\n    """Doc.\n\n    More.\n    """\n\n    x = 1\n\n'
    "    def m(self, y):\n        return y\n"
)


def check(language: str) -> None:
    case = (GOLDEN / f"{language}.txt").read_text(encoding="utf-8")
    text, _, expected = case.partition("-----\n")
    assert rendered(text, language) == expected


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_the_outline_of_every_language(language: str) -> None:
    check(language)


@pytest.mark.parametrize(
    ("path", "language"),
    [
        ("a/b.py", "python"),
        ("B.TSX", "typescriptreact"),
        ("Rakefile", "ruby"),
        ("x.c++", "cpp"),
        ("unknown.xyz", None),
        ("Makefile", None),
    ],
)
def test_a_file_is_known_by_its_name(path: str, language: str | None) -> None:
    assert language_of(path) == language


def test_an_unknown_language_is_plain_text() -> None:
    assert get_language("klingon") is None
    assert get_parser(None) is None
    assert outline("x = 1\n", "klingon").has_syntax is False
    assert references("x = 1\n", None) == []


def test_other_names_of_a_language_mean_the_same() -> None:
    assert get_language("javascriptreact") == get_language("javascript")
    assert get_parser("bash") is not None


def test_a_parse_can_be_stopped() -> None:
    assert parse(b"x = [1]\n" * 50_000, "python", stop=lambda: True) is None
    assert parse(b"x = [1]\n", "python", stop=lambda: False) is not None


def test_references_say_what_a_name_is_used_for() -> None:
    found = references("def f(a: T):\n    return g(a).h\n", "python", 1, 2)
    kinds = {each.name: each.kind for each in found}
    assert (kinds["g"], kinds["T"], kinds["h"]) == ("call", "type", "name")


def test_references_keep_to_their_lines() -> None:
    found = references("one()\ntwo()\nthree()\n", "python", 2, 2)
    assert [(each.name, each.line) for each in found] == [("two", 2)]


def test_a_stub_shows_a_class_without_its_bodies() -> None:
    shown = stub(CLASS.split("\n"), outline(CLASS, "python"), 0)
    assert shown.text == 'class A(B):\n    """Doc.\n    x = 1\n    def m(self, y):'
    assert shown.lines == (1, 2, 7, 9)

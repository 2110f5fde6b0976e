"""Which files the bundled model is trained on, and what is measured beside it."""

import random

import pytest

from tools.train_model.context import Definitions
from tools.train_model.corpus import Source, data_share, is_held_out, load_corpus, wanted
from tools.train_model.lines import Case, Reply, cases, score
from tools.train_model.schedule import STAGES, Report, rate, row_length
from tools.train_model.trigram import Trigram


def dice(seed: int = 0) -> random.Random:
    return random.Random(seed)  # noqa: S311


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("json/decoder.py", True),
        ("encodings/__init__.py", True),
        ("encodings/cp1252.py", False),
        ("pydoc_data/topics.py", False),
        ("test/test_json.py", False),
        ("unittest/test/support.py", False),
        ("idlelib/idle_test/htest.py", False),
        ("site-packages/pip/__init__.py", False),
        ("_sysconfigdata__linux_x86_64-linux-gnu.py", False),
        ("lib2to3/Grammar.txt", False),
    ],
)
def test_wanted(path: str, answer: bool) -> None:
    assert wanted(path) is answer


def test_a_table_is_mostly_data() -> None:
    assert data_share("TABLE = {\n" + "    'a': 1,\n" * 30 + "}\n") > 0.9
    assert data_share("def f(x):\n    return g(x)\n\n\nprint(f(1))\n") == 0


def test_splits_share_no_file() -> None:
    corpus = load_corpus()
    held_out = {s.path for s in corpus.held_out}
    assert held_out.isdisjoint(s.path for s in corpus.training)
    assert all(is_held_out(path) for path in held_out)
    assert 0.01 < len(held_out) / (len(held_out) + len(corpus.training)) < 0.1


def test_snippets_define_what_the_window_uses() -> None:
    sources = [
        Source("a.py", "def load_table(path):\n    return open(path)\n"),
        Source("b.py", "def unrelated_thing():\n    pass\n"),
    ]
    found = Definitions(sources).snippets("x = load_table('y')", 3, dice())
    assert [path for path, _ in found] == ["a.py"]
    assert found[0][1].startswith("def load_table(path):")


def test_a_window_is_not_its_own_snippet() -> None:
    source = Source("a.py", "def load_table(path):\n    return open(path)\n")
    assert Definitions([source]).snippets(source.text, 3, dice()) == []


def test_trigram_chances_sum_to_one() -> None:
    model = Trigram(vocabulary=7)
    model.learn([[1, 2, 3, 1, 2, 4], [1, 2, 3]])
    for context in ((), (2,), (1, 2), (6, 6), (0, 1)):
        assert sum(model.probability(context, t) for t in range(7)) == pytest.approx(1)


def test_trigram_prefers_what_it_has_seen() -> None:
    model = Trigram(vocabulary=100)
    model.learn([[1, 2, 3, 4] * 20])
    assert model.bits([1, 2, 3, 4] * 5) < model.bits([4, 2, 1, 3] * 5) / 3


def test_cases_are_the_rest_of_their_line() -> None:
    source = Source("a.py", "x = 1\n\n    yes = no\n" * 5)
    for case in cases([source], 8, dice()):
        assert case.answer
        assert "\n" not in case.answer
        assert case.suffix.startswith("\n")
        assert case.prefix + case.answer + case.suffix == source.text


@pytest.mark.parametrize(
    ("reply", "exact", "whole"),
    [
        (Reply("no", True), 1, 1),
        (Reply("no  \n", True), 1, 1),
        (Reply("no\nmore", True), 1, 0),
        (Reply("no", False), 1, 0),
        (Reply("not", True), 0, 0),
        (Reply("", True), 0, 0),
    ],
)
def test_score(reply: Reply, exact: float, whole: float) -> None:
    figures = score([Case("a.py", "yes = ", "no", "\n")], [reply])
    assert (figures["exact"], figures["exact_and_stopped"]) == (exact, whole)


def test_the_rate_warms_up_and_ends_at_nothing() -> None:
    assert 0 < rate(0) < rate(0.005) < rate(0.01)
    assert rate(0.01) > rate(0.5) > rate(0.99) > rate(1) == 0


def test_rows_grow() -> None:
    lengths = [row_length(step / 100) for step in range(101)]
    assert lengths == sorted(lengths)
    assert set(lengths) == {length for _, length in STAGES}


def test_the_progress_line_says_what_is_left() -> None:
    line = Report(10, 81_920, 60.0, 185.0, 3.25, 0.5, 512, 7000.0).line()
    assert "ETA 2:05" in line
    assert "loss 3.2500" in line

"""Retrieval shows what the next line needs, within its budget, and never the hidden text."""

import json
from importlib.resources import files

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cerebrum_lsp.core.index import Index
from cerebrum_lsp.core.index.source import word_rows
from cerebrum_lsp.core.retrieval import Hints, retrieve
from cerebrum_lsp.core.retrieval.dedupe import Seen
from cerebrum_lsp.core.retrieval.likeness import rows_of

FILES = {
    "shop/prices.py": "def net(amount: int) -> int:\n    return amount\n\n\nRATE = 19\n",
    "shop/cart.py": (
        "class Cart:\n    items: list[str]\n\n"
        "    def total_price(self, rate: int) -> int:\n        return rate\n"
    ),
    "shop/unrelated.py": "def paint(colour): ...\n",
}
HIDDEN = "    return secret_word_of_the_hidden_line(cart)\n"


def index_with(own: str | None = None) -> Index:
    index = Index()
    for path, text in FILES.items():
        index.update(path, text)
    if own is not None:
        index.update("shop/use.py", own)
    return index


def check(prefix: str, expected: str, budget_chars: int = 400) -> None:
    pieces = retrieve(index_with(), "shop/use.py", prefix, "", budget_chars)
    assert expected in "\n".join(piece.text for piece in pieces)
    assert sum(len(piece.text) for piece in pieces) <= budget_chars


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("from shop.prices import net\n\n\ndef f():\n", "def net(amount: int) -> int:"),
        ("from shop import prices\n\n\ndef f():\n    prices.\n", "RATE = 19"),
        (
            "from shop.cart import Cart\n\n\ndef f(cart: Cart):\n    x = cart.items\n",
            "def total_price(self, rate: int) -> int:",
        ),
        ("def f():\n    return net(3)\n", "def net(amount: int) -> int:"),
    ],
)
def test_what_the_code_names_is_shown(prefix: str, expected: str) -> None:
    check(prefix, expected)


@pytest.mark.parametrize("budget_chars", [0, 10, 60, 200, 1000])
def test_the_budget_is_kept(budget_chars: int) -> None:
    prefix = "from shop.prices import net, RATE\nfrom shop.cart import Cart\n\nnet(RATE)\n"
    pieces = retrieve(index_with(), "shop/use.py", prefix, "", budget_chars)
    assert sum(len(piece.text) for piece in pieces) <= budget_chars


def test_the_edited_file_in_the_index_changes_nothing() -> None:
    prefix = "from shop.cart import Cart\n\n\ndef f(cart: Cart):\n"
    without = retrieve(index_with(), "shop/use.py", prefix, "", 500)
    with_it = retrieve(index_with(prefix + HIDDEN), "shop/use.py", prefix, "", 500)
    assert with_it == without
    assert "secret" not in "".join(piece.text for piece in with_it)


def test_lines_and_text_of_a_piece_agree() -> None:
    prefix = "from shop.prices import net\nfrom shop.cart import Cart\n"
    pieces = retrieve(index_with(), "shop/use.py", prefix, "", 800)
    assert pieces
    for piece in pieces:
        lines = FILES[piece.path].split("\n")
        assert piece.text == "\n".join(lines[number - 1] for number in piece.lines)


def test_a_file_without_a_grammar_still_works() -> None:
    assert retrieve(index_with(), "notes.xyz", "some text about net\n", "", 300) is not None


def test_near_duplicates_are_taken_once() -> None:
    seen = Seen()
    assert seen.add("a\nb\nc\nd\ne")
    assert not seen.add("  a\nb\nc\nd\ne\n")
    assert seen.add("x\ny")


def test_what_the_session_touched_comes_first() -> None:
    index = Index()
    for path in ("a.py", "b.py", "c.py"):
        index.update(path, f"def {path[0]}_work(): ...\n")
    prefix = "from a import a_work\nfrom b import b_work\nfrom c import c_work\n\n"
    hints = Hints(edited_texts=("c_work()",), visited=(("c.py", 1, 1),))
    pieces = retrieve(index, "use.py", prefix, "", 200, hints=hints)
    assert pieces[0].path == "c.py"


@example("1_11", {"_11"})  # the end of a number is no word
@given(st.text("ab_1 \n", max_size=80), st.sets(st.text("ab_1", min_size=3, max_size=4)))
def test_the_rows_of_a_few_words_are_those_of_the_whole_text(text: str, words: set[str]) -> None:
    lines = text.split("\n")
    everything = word_rows(lines)
    names = {word for word in words if not word[0].isdigit()}
    expected = {word: everything[word] for word in names if word in everything}
    assert rows_of(names, lines) == expected


@pytest.mark.parametrize("name", ["weights.json", "word_weights.json"])
def test_weights_say_how_they_were_made(name: str) -> None:
    made = json.loads((files("cerebrum_lsp.core.retrieval") / name).read_text(encoding="utf-8"))
    assert made["command"].startswith("python -m benchmarks.fit_")
    assert set(made["versions"]) == set(made["command"].split()[3:-1])

"""What is known of a place makes some words likelier than others."""

import pytest

from cerebrum_lsp.core.index import Index
from cerebrum_lsp.core.retrieval.candidates import candidates_of
from cerebrum_lsp.core.retrieval.expected import Expected, likely_names
from cerebrum_lsp.core.retrieval.rank import scores_of
from cerebrum_lsp.core.retrieval.situation import situation_of

OTHER = (
    "def send_order(customer):\n    open_session(customer)\n    ledger = book_entry(customer)\n\n\n"
    "def paint_wall(colour): ...\n"
)
PREFIX = (
    "from shop.other import send_order\nimport threading\n\n\n"
    "def resend(customer):\n    open_session(customer)\n"
)


def expected_at(prefix: str) -> Expected:
    index = Index()
    index.update("shop/other.py", OTHER)
    situation = situation_of(index, "shop/use.py", prefix)
    candidates = candidates_of(index, situation)
    scores = scores_of(candidates.signals)
    return Expected(situation, candidates.words, likely_names(index, scores))


@pytest.mark.parametrize(
    ("likelier", "other"),
    [
        ("ledger", "colour"),
        ("book_entry", "colour"),
        ("send_order", "paint_wall"),
        ("threading", "colour"),
        ("customer", "colour"),
    ],
    ids=["after a like line", "called there", "imported", "module imported", "used"],
)
def test_what_speaks_for_a_word_makes_it_likelier(likelier: str, other: str) -> None:
    expected = expected_at(PREFIX)
    assert expected.probability(likelier) > expected.probability(other)


@pytest.mark.parametrize("prefix", ["", "\n", PREFIX, "x = 1\n" * 400])
def test_probabilities_are_shares(prefix: str) -> None:
    expected = expected_at(prefix)
    words = {"ledger", "threading", "unheard_of", *expected.observations("ledger")}
    assert all(0 < expected.probability(word) < 1 for word in words)


def test_the_names_of_candidates_share_one() -> None:
    index = Index()
    index.update("shop/other.py", OTHER)
    candidates = candidates_of(index, situation_of(index, "shop/use.py", PREFIX))
    likely = likely_names(index, scores_of(candidates.signals))
    assert sum(likely.values()) == pytest.approx(1)
    assert max(likely, key=likely.__getitem__) == "send_order"

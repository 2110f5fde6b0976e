"""What of an offer was taken, told from the edits alone."""

import pytest

from cerebrum_lsp.core.acceptance import Acceptance, Counts
from cerebrum_lsp.core.lines import split_lines
from tests.cursor import snapshot

URI = "file:///w/a.py"


def taken(offer: str, *texts: str, at: str = "def f():\n    ‸\n") -> Counts:
    """Return the counts after `offer` was shown at the mark and the document became `texts`."""
    acceptance = Acceptance()
    acceptance.on_offer(snapshot(at, uri=URI), offer)
    for text in texts:
        acceptance.on_edit(URI, split_lines(text))
    return acceptance.counts


@pytest.mark.parametrize(
    ("offer", "texts", "counts"),
    [
        pytest.param(
            "return 1", ["def f():\n    return 1\n"], Counts(1, whole=1, characters=8), id="whole"
        ),
        pytest.param(
            "a = 1\n    return a",
            ["def f():\n    a = 1\n"],
            Counts(1, line=1, characters=6),
            id="a line",
        ),
        pytest.param(
            "return self.name",
            ["def f():\n    return \n", "def f():\n    return self.\n"],
            Counts(1, word=2, characters=12),
            id="two words",
        ),
        pytest.param(
            "return 1",
            ["def f():\n    " + "return 1"[:n] + "\n" for n in range(1, 9)],
            Counts(1),
            id="typed",
        ),
        pytest.param(
            "return 1", ["def f():\n    ret\n"], Counts(1), id="keystrokes that come together"
        ),
        pytest.param("return 1", ["def f():\n    raise\n"], Counts(1), id="something else"),
        pytest.param(
            "return 1",
            ["x\ndef f():\n    \n", "x\ndef f():\n    return 1\n"],
            Counts(1),
            id="a place that moved away",
        ),
        pytest.param(
            "return 1",
            ["def f():\n    return 1\n", "def f():\n    \n", "def f():\n    return 1\n"],
            Counts(1, whole=1, characters=8),
            id="undo and redo",
        ),
        pytest.param(
            "a = 1\n    b = 2",
            ["def f():\r\n    a = 1\r\n    b = 2\r\n"],
            Counts(1, whole=1, characters=15),
            id="CRLF",
        ),
    ],
)
def test_what_counts_as_taken(offer: str, texts: list[str], counts: Counts) -> None:
    assert taken(offer, *texts) == counts


def test_what_stood_there_before_is_not_taken() -> None:
    counts = taken("1, 2)", "f(1, 2)", at="f(‸1, 2)")
    assert counts == Counts(1)


def test_a_text_at_the_end_of_a_document_that_ends_with_a_line_end() -> None:
    assert taken("x = 1", "y\nx = 1", at="y\n‸") == Counts(1, whole=1, characters=5)


def test_the_rest_of_an_offer_is_no_new_one_and_another_text_is() -> None:
    acceptance = Acceptance()
    acceptance.on_offer(snapshot("x = ‸", uri=URI), "12")
    acceptance.on_offer(snapshot("x = ‸", uri=URI), "123 + 4")
    acceptance.on_offer(snapshot("x = 1‸", uri=URI), "23 + 4")
    assert acceptance.counts.offered == 1
    acceptance.on_offer(snapshot("y = ‸", uri=URI), "12")
    assert acceptance.counts.offered == 2


@pytest.mark.parametrize("reported_first", [True, False])
def test_what_a_client_reports_as_well_counts_once(reported_first: bool) -> None:
    acceptance = Acceptance()
    for _ in range(3):
        acceptance.on_offer(snapshot("x = ‸", uri=URI), "12")
        if reported_first:
            acceptance.on_report(URI, "whole")
        acceptance.on_edit(URI, ["x = 12"])
        if not reported_first:
            acceptance.on_report(URI, "whole")
    assert acceptance.counts.whole == 3


def test_what_only_the_client_can_know_counts_too() -> None:
    acceptance = Acceptance()
    acceptance.on_report(URI, "word")
    assert acceptance.counts == Counts(word=1)


def test_a_closed_document_is_forgotten() -> None:
    acceptance = Acceptance()
    acceptance.on_offer(snapshot("x = ‸", uri=URI), "12")
    acceptance.on_close(URI)
    assert acceptance.on_edit(URI, ["x = 12"]) is None

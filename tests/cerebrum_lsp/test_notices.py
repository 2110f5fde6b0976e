"""What an editor is told of a pool in trouble: once, where somebody asked, until it is over."""

import pytest
from lsprotocol import types

from cerebrum_lsp.core.explanations import notice_of
from cerebrum_lsp.core.notices import Change, Notice, Notices
from cerebrum_lsp.diagnostics import can_pull, to_lsp

A, B = "file:///a.py", "file:///b.py"


def after(*outcomes: tuple[str, str]) -> list[Change]:
    """Return the changes after requests, on lines 0, 1, 2 …, with these (document, outcome)s."""
    notices = Notices()
    return [
        change
        for line, (uri, outcome) in enumerate(outcomes)
        for change in notices.on_outcome(uri, line, outcome, "words")
    ]


def shown(uri: str, line: int, code: str) -> Change:
    return Change(uri, Notice(line, code, "words"))


@pytest.mark.parametrize(
    ("outcomes", "changes"),
    [
        pytest.param([(A, "shown")], [], id="nothing is wrong"),
        pytest.param([(A, "shed:load-shed")], [shown(A, 0, "load-shed")], id="told once"),
        pytest.param(
            [(A, "circuit-open")] * 1000, [shown(A, 0, "circuit-open")], id="not at every key"
        ),
        pytest.param(
            [(A, "shed:load-shed"), (A, "failed:no-node")],
            [shown(A, 0, "load-shed"), shown(A, 1, "no-node")],
            id="another trouble takes its place",
        ),
        pytest.param(
            [(A, "failed:no-pool"), (B, "failed:no-pool")],
            [shown(A, 0, "no-node"), shown(B, 1, "no-node")],
            id="one a document",
        ),
        pytest.param(
            [(A, "failed:unauthorized"), (B, "failed:unauthorized"), (A, "shown")],
            [
                shown(A, 0, "unauthorized"),
                shown(B, 1, "unauthorized"),
                Change(A, None),
                Change(B, None),
            ],
            id="a completion shows that it is over, everywhere",
        ),
        pytest.param(
            [(A, "failed:no-node"), (A, "superseded"), (A, "cancelled"), (A, "deadline")],
            [shown(A, 0, "no-node")],
            id="what says nothing of the pool changes nothing",
        ),
    ],
)
def test_what_is_told(outcomes: list[tuple[str, str]], changes: list[Change]) -> None:
    assert after(*outcomes) == changes


def test_recovery_takes_everything_away_and_is_told_once() -> None:
    notices = Notices()
    notices.on_outcome(A, 3, "failed:no-node", "words")
    assert notices.standing(A) == Notice(3, "no-node", "words")
    assert notices.on_recovery() == [Change(A, None)]
    assert notices.on_recovery() == []
    assert notices.standing(A) is None


def test_a_closed_document_keeps_nothing() -> None:
    notices = Notices()
    notices.on_outcome(A, 0, "failed:no-node", "words")
    assert notices.on_close(A) == [Change(A, None)]
    assert notices.on_close(A) == []


@pytest.mark.parametrize(
    ("code", "severity"),
    [("load-shed", 3), ("circuit-open", 2), ("no-node", 2), ("unauthorized", 1)],
)
def test_how_much_a_notice_catches_the_eye(code: str, severity: int) -> None:
    (diagnostic,) = to_lsp(Notice(7, code, "words"))
    assert diagnostic.severity is not None
    assert (diagnostic.severity.value, diagnostic.code, diagnostic.source) == (
        severity,
        code,
        "cerebrum",
    )
    assert diagnostic.range.start.line == 7


@pytest.mark.parametrize(
    ("message", "node", "again", "words"),
    [
        (
            "the queue is full",
            "pi",
            "12:00:10",
            "No completion: the queue is full (pi); next try after 12:00:10.",
        ),
        ("pi rests", "pi", None, "No completion: pi rests."),
        ("", None, None, "No completion: circuit-open."),
    ],
)
def test_the_words_say_what_where_and_when(
    message: str, node: str | None, again: str | None, words: str
) -> None:
    assert notice_of("circuit-open", message, node, again) == words


@pytest.mark.parametrize(
    ("document", "refresh", "pulls"),
    [(True, True, True), (True, False, False), (False, True, False), (False, False, False)],
)
def test_only_a_client_that_can_be_told_to_pull_again_pulls(
    document: bool, refresh: bool, pulls: bool
) -> None:
    capabilities = types.ClientCapabilities(
        text_document=types.TextDocumentClientCapabilities(
            diagnostic=types.DiagnosticClientCapabilities() if document else None
        ),
        workspace=types.WorkspaceClientCapabilities(
            diagnostics=types.DiagnosticWorkspaceClientCapabilities(refresh_support=refresh)
        ),
    )
    assert can_pull(capabilities) is pulls

"""The life of one completion, with a pool that says what the test tells it to."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from cerebrum_kit.wire import ProgressEvent, StreamError, TokenEvent, Usage
from cerebrum_lsp.complete import Completer
from cerebrum_lsp.config import Settings
from cerebrum_lsp.core.decisions import Grow
from cerebrum_lsp.core.journal import Journal, Record
from cerebrum_lsp.core.lifecycle import ABANDONED_AFTER_S
from cerebrum_lsp.errors import PoolRefusalError, PoolUnreachableError
from cerebrum_lsp.generation import Generation
from cerebrum_lsp.pool import CompletionEvent, Pool
from orchestrator.wire import CompleteRequest, DoneEvent, NodeTimings, RouteEvent, Timings
from tests.cursor import snapshot

ROUTE = RouteEvent(
    request_id="r", node="pi", model="m", predicted_first_token_ms=None, reason="only node"
)
DONE = DoneEvent(
    finish_reason="stop",
    model="m",
    node="pi",
    usage=Usage(prompt_tokens=5, cached_tokens=3, completion_tokens=3),
    timings=Timings(first_token_ms=40.0, total_ms=90.0),
    node_timings=NodeTimings(prefill_ms=30.0, decode_ms=20.0, first_token_ms=35.0),
)


def token(text: str, total: int = 1) -> TokenEvent:
    return TokenEvent(token=text, total_tokens=total)


class ScriptedPool(Pool):
    """Plays `script`: events are sent, exceptions raised, None hangs until it is cancelled.

    An asyncio.Event is waited for.
    """

    def __init__(self, *script: CompletionEvent | Exception | asyncio.Event | None) -> None:
        self.script = script
        self.requests: list[CompleteRequest] = []
        self.hanging = asyncio.Event()
        self.stopped = asyncio.Event()
        self.cancelled = 0

    async def complete(self, request: CompleteRequest) -> AsyncGenerator[CompletionEvent, None]:
        self.requests.append(request)
        for step in self.script:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, asyncio.Event):
                await step.wait()
            elif step is None:
                self.hanging.set()
                try:
                    await asyncio.Event().wait()
                finally:
                    self.cancelled += 1
                    self.stopped.set()
            else:
                yield step


class Editor:
    """Asks for completions, and keeps what it is shown."""

    def __init__(self, pool: ScriptedPool, **settings: Any) -> None:
        self.pool = pool
        self.journal = Journal()
        self.grown: list[Grow] = []
        self.completer = Completer(pool, self.journal, Settings(**settings), self.grown.append)

    async def ask(
        self, marked: str = "x = ‸", uri: str = "file:///w/a.py", path: str = "a.py"
    ) -> str | None:
        place = snapshot(marked, uri=uri, path=path)
        return (await self.completer.complete(place, manual=True)).text

    @property
    def last(self) -> Record:
        return next(iter(self.journal.latest()))


@pytest.mark.parametrize(
    ("script", "shown", "outcome"),
    [
        pytest.param([ROUTE, token("1"), token("23"), DONE], "123", "shown", id="a text"),
        pytest.param([ROUTE, DONE], None, "nothing-to-say", id="no text"),
        pytest.param([ROUTE, token("  \n"), DONE], None, "filtered:trim-end", id="only blanks"),
        pytest.param(
            [ROUTE, ProgressEvent(stage="loading"), token("1"), DONE], "1", "shown", id="progress"
        ),
        pytest.param(
            [ROUTE, token("1"), StreamError(error="node-failed", message="it died")],
            None,
            "failed:node-failed",
            id="the node died",
        ),
        pytest.param(
            [StreamError(error="deadline", message="too slow")], None, "deadline", id="too slow"
        ),
        pytest.param(
            [ROUTE, token("1"), StreamError(error="deadline", message="too slow")],
            "1",
            "deadline",
            id="too slow for all of it",
        ),
        pytest.param(
            [PoolRefusalError("load-shed", "full", 3.0)], None, "shed:load-shed", id="shed"
        ),
        pytest.param(
            [PoolRefusalError("circuit-open", "resting")], None, "circuit-open", id="open"
        ),
        pytest.param(
            [PoolRefusalError("unauthorized", "key?")], None, "failed:unauthorized", id="wrong key"
        ),
        pytest.param([PoolUnreachableError("gone")], None, "failed:no-pool", id="no pool"),
    ],
)
async def test_what_becomes_of_a_request(
    script: list[CompletionEvent | Exception], shown: str | None, outcome: str
) -> None:
    editor = Editor(ScriptedPool(*script))
    assert await editor.ask() == shown
    assert editor.last.outcome == outcome


async def test_a_newer_request_elsewhere_supersedes_the_older_and_cancels_it_upstream() -> None:
    editor = Editor(ScriptedPool(ROUTE, token("old"), None))
    older = asyncio.create_task(editor.ask("x = ‸"))
    await editor.pool.hanging.wait()
    editor.pool.script = (ROUTE, token("new"), DONE)
    assert await editor.ask("y = ‸") == "new"
    assert await older is None
    assert editor.pool.cancelled == 1
    assert {record.outcome for record in editor.journal.latest()} == {"shown", "superseded"}


async def test_typing_along_takes_over_the_stream_that_runs() -> None:
    editor = Editor(ScriptedPool(ROUTE, token("12"), None))
    older = asyncio.create_task(editor.ask("x = ‸"))
    await editor.pool.hanging.wait()
    editor.completer.edited("file:///w/a.py", lambda: "x = 1")
    assert await older is None
    newer = asyncio.create_task(editor.ask("x = 1‸"))
    await asyncio.sleep(0)
    assert (len(editor.pool.requests), editor.pool.cancelled) == (1, 0)
    newer.cancel()
    await asyncio.gather(newer, return_exceptions=True)
    await editor.completer.close()


async def test_an_edit_that_diverges_cancels_upstream() -> None:
    editor = Editor(ScriptedPool(ROUTE, token("12"), None))
    asking = asyncio.create_task(editor.ask("x = ‸"))
    await editor.pool.hanging.wait()
    editor.completer.edited("file:///w/a.py", lambda: "x = y")
    assert await asking is None
    await editor.pool.stopped.wait()
    assert editor.last.outcome == "superseded"


async def test_documents_dont_supersede_one_another() -> None:
    editor = Editor(ScriptedPool(ROUTE, None))
    older = asyncio.create_task(editor.ask(uri="file:///w/a.py"))
    await editor.pool.hanging.wait()
    editor.pool.script = (ROUTE, token("new"), DONE)
    assert await editor.ask(uri="file:///w/b.py") == "new"
    assert editor.pool.cancelled == 0
    await editor.completer.close()
    assert await older is None


async def test_two_editors_with_one_document_are_two_clients_of_the_pool() -> None:
    """The pool lets the newest request of a client for a document supersede the others."""
    pool = ScriptedPool(ROUTE, token("1"), DONE)
    editors = [Editor(pool), Editor(pool)]
    assert [await each.ask() for each in editors] == ["1", "1"]
    first, second = pool.requests
    assert first.document_id == second.document_id
    assert first.client_id != second.client_id


async def test_closing_a_document_cancels_upstream() -> None:
    editor = Editor(ScriptedPool(ROUTE, None))
    asking = asyncio.create_task(editor.ask())
    await editor.pool.hanging.wait()
    editor.completer.closed("file:///w/a.py")
    assert await asking is None
    await editor.pool.stopped.wait()


async def test_cancelling_a_request_cancels_it_upstream_when_nobody_asks_again() -> None:
    editor = Editor(ScriptedPool(ROUTE, None))
    asking = asyncio.create_task(editor.ask())
    await editor.pool.hanging.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert editor.last.outcome == "cancelled"
    await asyncio.wait_for(editor.pool.stopped.wait(), ABANDONED_AFTER_S + 10)


async def test_at_the_deadline_the_best_text_is_shown_and_the_rest_goes_on() -> None:
    editor = Editor(ScriptedPool(ROUTE, token("so far"), None), manualDeadlineMs=100)
    assert await editor.ask() == "so far"
    assert editor.last.outcome == "deadline"
    assert editor.pool.cancelled == 0
    await editor.completer.close()
    assert editor.pool.cancelled == 1


@pytest.mark.parametrize(
    ("asked_for", "grown"), [(True, [("1", False), ("12", False), ("12", True)]), (False, [])]
)
async def test_a_growing_text_is_told_to_clients_that_asked_for_it(
    asked_for: bool, grown: list[tuple[str, bool]]
) -> None:
    pool = ScriptedPool(ROUTE, token("1"), token("2"), token("  "), DONE)
    editor = Editor(pool, growingCompletions=asked_for)
    assert await editor.ask() == "12"
    assert [(each.text, each.is_done) for each in editor.grown] == grown


async def test_what_a_run_tells_at_its_end_is_added_to_answers_given_before() -> None:
    gate = asyncio.Event()
    pool = ScriptedPool(ROUTE, token("1,\n        2"), gate, DONE)
    editor = Editor(pool, growingCompletions=True)
    assert await editor.ask("    x = (‸") == "1,", "the first line, as soon as it stands"
    assert editor.last.stages.decode_ms is None
    gate.set()
    await editor.completer.finished()
    assert editor.last.stages.decode_ms == 20.0


async def test_what_is_known_of_a_run_that_was_stopped_is_kept() -> None:
    """The engine's own times come with the end of a text; the arrival of its tokens tells most."""
    pool = ScriptedPool(ROUTE, token("one\n", 4), token("two", 8), None)
    editor = Editor(pool, growingCompletions=True)
    assert await editor.ask("    x = (‸") == "one"
    await pool.hanging.wait()
    await editor.completer.close()
    record = editor.last
    assert (record.outcome, record.node, record.completion_tokens) == ("shown", "pi", 8)
    assert record.stages.decode_ms is not None


@pytest.mark.parametrize(
    ("arrivals", "rate"),
    [
        pytest.param([(10.5, 1), (10.7, 3), (10.9, 5)], 10.0, id="tokens a second since the first"),
        pytest.param([(10.5, 4), (10.9, 8)], 10.0, id="several tokens in one piece"),
        pytest.param([(10.5, 1)], None, id="one token says nothing"),
        pytest.param([(10.5, 1), (10.5, 2)], None, id="no time has passed"),
        pytest.param([], None, id="nothing came"),
    ],
)
def test_the_rate_of_a_run_that_was_stopped(
    arrivals: list[tuple[float, int]], rate: float | None
) -> None:
    generation = Generation(sent_at=10.0)
    for at, total in arrivals:
        generation.take(token("x", total), now=at)
    assert generation.tokens_per_s == (None if rate is None else pytest.approx(rate))


async def test_the_request_says_what_is_known_of_the_place() -> None:
    editor = Editor(ScriptedPool(DONE), prefixChars=100)
    await editor.ask("a" * 200 + "\nx = ‸\ny")
    (request,) = editor.pool.requests
    assert request.infill is not None
    assert (request.infill.prefix, request.infill.suffix) == ("x = ", "\ny")
    assert (request.infill.path, request.language, request.mode) == ("a.py", "python", "fast")
    assert request.client_id
    assert "a.py" not in str(request.document_id), "an identifier, not a path"


async def test_a_file_of_secrets_goes_nowhere() -> None:
    editor = Editor(ScriptedPool(ROUTE, token("1"), DONE))
    assert await editor.ask(path="config/.env") is None
    assert editor.last.outcome == "filtered:secret-file"
    assert editor.pool.requests == []


async def test_a_secret_is_cut_from_what_is_sent() -> None:
    editor = Editor(ScriptedPool(ROUTE, token("1"), DONE))
    secret = "AKIA" + "IOSFODNN7EXAMPLQ"
    await editor.ask(f'key = "{secret}"\nx = ‸\nother = "{secret}"\n')
    (request,) = editor.pool.requests
    assert request.infill is not None
    assert secret not in request.model_dump_json()
    assert request.infill.prefix.endswith("\nx = ")


def test_stage_times_are_the_differences_between_what_each_saw() -> None:
    generation = Generation(sent_at=10.001)
    generation.take(token("1"), 10.05)
    generation.take(DONE, 10.09)
    stages = generation.stages(asked_at=10.0, total_ms=100.0)
    assert stages.first_token_ms == pytest.approx(50.0)
    assert stages.daemon_ms == pytest.approx(10.0)
    assert stages.orchestrator_ms == pytest.approx(5.0)
    assert (stages.prefill_ms, stages.decode_ms) == (30.0, 20.0)
    assert stages.total_ms == 100.0

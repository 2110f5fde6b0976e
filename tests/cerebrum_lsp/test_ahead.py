"""Prompts on their way to the pool before anybody asks: the same as the requests that follow."""

import asyncio

import pytest
from pygls.exceptions import JsonRpcInvalidParams

from cerebrum_kit.wire import ProgressEvent, Usage
from cerebrum_lsp.commands import cursor
from cerebrum_lsp.complete import Completer
from cerebrum_lsp.config import Settings
from cerebrum_lsp.core.document import Snapshot
from cerebrum_lsp.core.journal import Journal
from cerebrum_lsp.core.layout import Excerpt
from cerebrum_lsp.errors import PoolRefusalError
from cerebrum_lsp.pool import CompletionEvent, Pool
from orchestrator.wire import CompleteRequest
from tests.cerebrum_lsp.test_complete import DONE, ROUTE, ScriptedPool, token
from tests.cursor import snapshot

ALPHA = Excerpt("alpha.py", "def alpha(one): ...\n" * 20)
BETA = Excerpt("beta.py", "def beta(two): ...\n" * 20)
READ = DONE.model_copy(
    update={"usage": Usage(prompt_tokens=900, cached_tokens=100, completion_tokens=0)}
)
PREFILL = ProgressEvent(stage="prefill", detail={"processed": 448, "total": 900, "cached": 100})
BODY = "".join(f"    value_{number} = {number}\n" for number in range(40))
HERE, THERE = f"def f():\n{BODY}    x = ‸\n", f"def f():\n    y = ‸\n{BODY}"
ELSEWHERE = f"def g():\n    z = ‸\n{BODY}"
PATIENCE_S = 15.0


class TwoWayPool(ScriptedPool):
    """Plays one script for requests, and another one for what is read ahead."""

    def __init__(self, *ahead: CompletionEvent | Exception | asyncio.Event | None) -> None:
        super().__init__(*ahead)
        self.answers = ScriptedPool(ROUTE, token("1"), DONE)
        self.came: asyncio.Queue[CompleteRequest] = asyncio.Queue()

    def complete(self, request: CompleteRequest):  # type: ignore[no-untyped-def]
        self.came.put_nowait(request)
        is_ahead = request.purpose == "pre-evaluate"
        return super().complete(request) if is_ahead else self.answers.complete(request)

    async def next(self) -> CompleteRequest:
        return await asyncio.wait_for(self.came.get(), PATIENCE_S)


class Shelf:
    """Wants one excerpt, which may become another one."""

    def __init__(self) -> None:
        self.excerpts = (ALPHA,)

    async def retrieve(
        self, place: Snapshot, *, budget_chars: int, shown_chars: int
    ) -> tuple[Excerpt, ...] | None:
        return self.excerpts


class Editor:
    def __init__(self, pool: Pool, **settings: object) -> None:
        self.journal = Journal()
        self.shelf = Shelf()
        self.completer = Completer(
            pool, self.journal, Settings.model_validate(settings), source=self.shelf
        )

    async def ask(self, marked: str) -> None:
        self.completer.edited("file:///w/a.py", lambda: marked)
        await self.completer.complete(snapshot(marked), manual=True)

    def rest(self, marked: str) -> None:
        self.completer.ahead.saw(snapshot(marked))


def prompt_of(request: CompleteRequest) -> object:
    return request.model_dump(exclude={"purpose"})


async def test_where_the_cursor_rests_the_prompt_is_read_that_the_request_will_bring() -> None:
    pool = TwoWayPool(ROUTE, READ)
    editor = Editor(pool)
    await editor.ask(HERE)
    asked = await pool.next()
    editor.rest(THERE)
    ahead = await pool.next()
    assert (asked.purpose, ahead.purpose) == ("answer", "pre-evaluate")
    assert (ahead.client_id, ahead.document_id) == (asked.client_id, asked.document_id)
    assert ahead.max_tokens == asked.max_tokens
    await editor.ask(THERE)
    assert prompt_of(await pool.next()) == prompt_of(ahead)
    counts = editor.journal.read_ahead
    assert (counts.read, counts.tokens, counts.refused) == (1, 800, 0)
    assert next(iter(editor.journal.latest())).ahead_tokens == 800
    await editor.completer.close()


async def test_a_request_ends_it_and_counts_what_was_read_by_then() -> None:
    pool = TwoWayPool(ROUTE, PREFILL, None)
    editor = Editor(pool)
    await editor.ask(HERE)
    await pool.next()
    editor.rest(THERE)
    await pool.next()
    await asyncio.wait_for(pool.hanging.wait(), PATIENCE_S)
    await editor.ask(THERE)
    await asyncio.wait_for(pool.stopped.wait(), PATIENCE_S)
    assert (await pool.next()).purpose == "answer"
    assert editor.journal.read_ahead.tokens == 348
    await editor.completer.close()


async def test_other_excerpts_are_read_in_idle_time_and_requests_wait_for_that() -> None:
    pool = TwoWayPool(ROUTE, READ)
    editor = Editor(pool)
    await editor.ask(HERE)
    await pool.next()
    editor.rest(THERE)
    await pool.next()
    editor.shelf.excerpts = (BETA,)
    await editor.ask(ELSEWHERE)
    told = (await pool.next()).snippets, (await pool.next()).snippets
    assert [[each.path for each in snippets] for snippets in told] == [["alpha.py"], ["beta.py"]]
    await editor.ask(THERE)
    assert [each.path for each in (await pool.next()).snippets] == ["beta.py"]
    await editor.completer.close()


async def test_a_pool_that_refuses_costs_nothing_and_gets_new_excerpts_with_the_request() -> None:
    pool = TwoWayPool(PoolRefusalError("load-shed", "not idle", 5.0))
    editor = Editor(pool)
    await editor.ask(HERE)
    await pool.next()
    editor.rest(THERE)
    await pool.next()
    editor.shelf.excerpts = (BETA,)
    await editor.ask(ELSEWHERE)
    assert [each.path for each in (await pool.next()).snippets] == ["beta.py"]
    assert editor.journal.read_ahead.refused == 1
    assert {record.outcome for record in editor.journal.latest()} == {"shown"}
    await editor.completer.close()


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"readAhead": False}, "a.py"),
        ({"trigger": "manual"}, "a.py"),
        ({"languages": {"python": False}}, "a.py"),
        ({}, ".env"),
    ],
)
async def test_what_would_not_be_asked_unasked_is_not_read(
    settings: dict[str, object], path: str
) -> None:
    pool = TwoWayPool(ROUTE, READ)
    editor = Editor(pool, **settings)
    editor.completer.edited("file:///w/a.py", lambda: "")
    editor.completer.ahead.saw(snapshot(THERE, path=path), is_imminent=True)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await editor.completer.close()
    assert pool.came.empty()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["file:///a.py"],
        [{"uri": "file:///a.py"}],
        [{"uri": 1, "position": {"line": 0, "character": 0}}],
        [{"uri": "file:///a.py", "position": {"line": -1, "character": 0}}],
        [{"uri": "file:///a.py", "position": {"line": 0, "character": "0"}}],
        [{"uri": "file:///a.py", "position": {"line": 0, "character": 0}}, 1],
    ],
)
def test_a_place_that_is_none_is_refused(arguments: list[object]) -> None:
    with pytest.raises(JsonRpcInvalidParams):
        cursor(arguments)

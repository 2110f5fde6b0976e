"""Excerpts of other files on their way into a request, which never waits long for them."""

import asyncio
from typing import Any

from cerebrum_kit.wire import Usage
from cerebrum_lsp.complete import Completer
from cerebrum_lsp.config import Settings
from cerebrum_lsp.core.budget import CHARS_PER_TOKEN
from cerebrum_lsp.core.document import Snapshot
from cerebrum_lsp.core.journal import Journal, Record
from cerebrum_lsp.core.layout import Excerpt
from orchestrator.wire import CompleteRequest, NodeTimings
from tests.cerebrum_lsp.test_complete import DONE, ROUTE, ScriptedPool, token
from tests.cursor import snapshot

EXCERPT = Excerpt("b.py", "def beta(one): ...")
READ_SLOWLY = DONE.model_copy(
    update={
        "usage": Usage(prompt_tokens=200, cached_tokens=0, completion_tokens=3),
        "node_timings": NodeTimings(prefill_ms=100_000.0, decode_ms=20.0),
    }
)


class Shelf:
    """A source that answers when `is_open`."""

    def __init__(self) -> None:
        self.is_open = asyncio.Event()
        self.asked: list[tuple[Snapshot, int, int]] = []
        self.answered = asyncio.Event()

    async def retrieve(
        self, place: Snapshot, *, budget_chars: int, shown_chars: int
    ) -> tuple[Excerpt, ...] | None:
        self.asked.append((place, budget_chars, shown_chars))
        await self.is_open.wait()
        self.answered.set()
        return (EXCERPT,)


class Editor:
    """Asks for completions where nothing was generated before."""

    def __init__(self, *script: Any, is_open: bool = True, **settings: Any) -> None:
        self.pool = ScriptedPool(*(script or (ROUTE, token("1"), DONE)))
        self.shelf = Shelf()
        if is_open:
            self.shelf.is_open.set()
        self.journal = Journal()
        self.completer = Completer(self.pool, self.journal, Settings(**settings), source=self.shelf)
        self.asks = 0

    async def ask(self) -> CompleteRequest:
        self.asks += 1
        await self.completer.complete(snapshot(f"x{self.asks} = ‸"), manual=True)
        return self.pool.requests[-1]

    @property
    def last(self) -> Record:
        return next(iter(self.journal.latest()))


async def test_excerpts_go_into_the_request_and_are_told_of() -> None:
    editor = Editor()
    request = await editor.ask()
    assert [(each.path, each.text) for each in request.snippets] == [(EXCERPT.path, EXCERPT.text)]
    assert (editor.last.context_files, editor.last.context_chars) == (1, len(EXCERPT.text))
    assert editor.last.stages.context_ms is not None


async def test_a_request_goes_without_what_is_late_and_the_next_one_has_it() -> None:
    editor = Editor(is_open=False)
    assert (await asyncio.wait_for(editor.ask(), 10)).snippets == []
    editor.shelf.is_open.set()
    await asyncio.wait_for(editor.shelf.answered.wait(), 10)
    assert [each.path for each in (await editor.ask()).snippets] == ["b.py"]


async def test_what_was_told_once_stays_where_nobody_knows_more() -> None:
    editor = Editor()
    await editor.ask()
    editor.shelf.is_open.clear()
    assert [each.path for each in (await editor.ask()).snippets] == ["b.py"]


async def test_a_pool_that_reads_slowly_is_sent_nothing_more_to_read() -> None:
    editor = Editor(ROUTE, token("1"), READ_SLOWLY)
    assert len((await editor.ask()).snippets) == 1
    assert (await editor.ask()).snippets == []
    assert len(editor.shelf.asked) == 1


async def test_a_request_is_no_longer_than_its_node_has_room_for() -> None:
    pool, room_tokens, max_tokens = ScriptedPool(ROUTE, token("1"), DONE), 600, 96
    completer = Completer(
        pool,
        Journal(),
        Settings(max_tokens=max_tokens),
        context_tokens=lambda: room_tokens + max_tokens,
    )
    await completer.complete(snapshot("x = 1\n" * 2000 + "y = ‸"), manual=True)
    infill = pool.requests[-1].infill
    assert infill is not None
    assert 400 <= len(infill.prefix + infill.suffix) <= room_tokens * CHARS_PER_TOKEN


async def test_without_leave_nothing_of_the_workspace_is_looked_for() -> None:
    editor = Editor(workspaceContext=False)
    assert (await editor.ask()).snippets == []
    assert editor.shelf.asked == []


async def test_a_text_that_is_there_already_needs_no_context() -> None:
    editor = Editor(ROUTE, token("123"), DONE)
    await editor.ask()
    await editor.completer.complete(snapshot("x1 = 1‸"), manual=True)
    assert len(editor.shelf.asked) == 1


async def test_half_a_character_does_not_cost_the_completion() -> None:
    editor = Editor()
    answer = await editor.completer.complete(
        snapshot("a = '\ud83d'\nx = ‸\nb = '\udc00'"), manual=True
    )
    assert answer.text == "1"
    request = editor.pool.requests[-1]
    assert request.infill is not None
    assert request.infill.prefix == "a = '?'\nx = "
    assert request.infill.suffix.endswith("b = '?'")

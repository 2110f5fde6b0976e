"""Somebody who edits by a session's clock, with the daemon's completer behind the editor."""

import asyncio
from typing import Literal

from benchmarks.editing_sessions import Edit, Session
from cerebrum_lsp.complete import Completer
from cerebrum_lsp.core.document import Cursor, Snapshot
from cerebrum_lsp.core.foresight import Seen

TOLD_AFTER_S = 0.25  # VS Code asks for code actions so long after the cursor has moved

Signals = Literal["cursor", "edits", "none"]
"""What tells where the next request will be."""


class Writer:
    """Somebody who edits by the clock, in an editor that asks after each burst."""

    def __init__(self, session: Session, completer: Completer, signals: Signals) -> None:
        self._session = session
        self._completer = completer
        self._signals = signals
        self._loop = asyncio.get_running_loop()
        self._begun_at = self._loop.time()
        self._text, self._version = "", 0
        self._edited_s, self._cursor = 0.0, 0
        self._answers: list[asyncio.Task[object]] = []

    async def write(self) -> None:
        """Write all of it; returns when everything is answered."""
        for burst in self._session.bursts:
            for edit in burst.edits:
                await self._move(edit)
                await self._until(edit.at_s)
                self._apply(edit)
            ask = self._completer.complete(self._place(), manual=False)
            self._answers.append(asyncio.create_task(ask))
        await asyncio.gather(*self._answers)
        await self._completer.close()

    async def _move(self, edit: Edit) -> None:
        """Go to where the next edit will be, and rest there, if that is on another line."""
        target = edit.offset + edit.deleted
        between = self._text[min(target, self._cursor) : max(target, self._cursor)]
        if self._signals != "cursor" or "\n" not in between:
            return
        told_s = (self._edited_s + edit.at_s) / 2 + TOLD_AFTER_S
        if told_s < edit.at_s:
            await self._until(told_s)
            self._cursor = target
            self._completer.ahead.seen(self._seen())

    def _apply(self, edit: Edit) -> None:
        self._text, self._cursor = edit.applied_to(self._text), edit.ends_at
        self._version, self._edited_s = self._version + 1, edit.at_s
        text = self._text
        self._completer.edited(self._uri, lambda: text)
        self._completer.ahead.wrote(self._seen())

    async def _until(self, at_s: float) -> None:
        await asyncio.sleep(max(0.0, self._begun_at + at_s - self._loop.time()))

    def _seen(self) -> Seen:
        place = self._place()
        cursor = place.cursor
        return Seen(place.uri, place.version, cursor.line, cursor.column, lambda: place)

    def _place(self) -> Snapshot:
        return place_of(self._session, self._text, self._cursor, self._version)

    @property
    def _uri(self) -> str:
        return f"file:///{self._session.path}"


def place_of(session: Session, text: str, offset: int, version: int = 1) -> Snapshot:
    """Return a moment as the daemon sees it."""
    prefix, suffix = text[:offset], text[offset:]
    cursor = Cursor(prefix.count("\n"), len(prefix) - (prefix.rfind("\n") + 1))
    uri = f"file:///{session.path}"
    return Snapshot(uri, version, "python", session.path, prefix, suffix, cursor)

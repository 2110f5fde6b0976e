"""Work-done progress of one action, for clients that show it; its cancel button works."""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from cerebrum_kit.logs import event

CREATED_WITHIN_S = 5.0  # the work goes on without; it isn't worth waiting for
REPORT_EVERY_S = 0.1  # a fast node would otherwise send the client nothing but progress

Report = Callable[[str], None]

log = logging.getLogger(__name__)


@asynccontextmanager
async def progress(
    server: LanguageServer, title: str, on_cancel: Callable[[], object]
) -> AsyncIterator[Report]:
    """Show that something is going on; yields a function that says what.

    `on_cancel` is called in the event loop when the user has had enough.
    """
    shown = server.work_done_progress
    token = uuid.uuid4().hex
    try:
        async with asyncio.timeout(CREATED_WITHIN_S):
            await shown.create_async(token)
    except (JsonRpcException, TimeoutError) as error:
        log.info(event("progress.refused", error=type(error).__name__))
        yield lambda _: None
        return
    shown.tokens[token].add_done_callback(lambda done: done.cancelled() and on_cancel())
    shown.begin(token, types.WorkDoneProgressBegin(title, cancellable=True))
    pulse = _Pulse(lambda words: shown.report(token, types.WorkDoneProgressReport(message=words)))
    try:
        yield pulse.report
    finally:
        pulse.stop()
        shown.end(token, types.WorkDoneProgressEnd())
        del shown.tokens[token]


class _Pulse:
    """Passes on the first words at once, and then the latest ones every `REPORT_EVERY_S`."""

    def __init__(self, tell: Report) -> None:
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._latest: str | None = None

    def report(self, words: str) -> None:
        """Take new words."""
        self._latest = words
        if self._timer is None:
            self._beat()

    def stop(self) -> None:
        """Say no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _beat(self) -> None:
        self._timer = None
        if self._latest is not None:
            self._tell(self._latest)
            self._latest = None
            self._timer = self._loop.call_later(REPORT_EVERY_S, self._beat)

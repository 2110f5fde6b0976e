"""One action that is being made, and can be stopped."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from cerebrum_lsp.core.actions.values import Change, Refused


class Run:
    """Runs `work` for a document; whoever stops it says why, and that is then its answer."""

    def __init__(self, uri: str, work: Coroutine[Any, Any, Change | Refused]) -> None:
        self.uri = uri
        self._task = asyncio.create_task(work, name="code action")
        self._stopped: Refused | None = None

    async def answer(self) -> Change | Refused:
        """Wait for the end; to cancel this cancels the work, its stream to the pool too."""
        try:
            return await self._task
        except asyncio.CancelledError:
            if self._stopped is None:
                raise
            return self._stopped

    def stop(self, because: Refused) -> None:
        """End the work, unless it has ended."""
        if not self._task.done():
            self._stopped = because
            self._task.cancel()

    async def ended(self) -> None:
        """Wait until nothing runs any more."""
        await asyncio.wait({self._task})

"""Makes the change of one action: rules first, then a model, whose answers are checked."""

import uuid

from cerebrum_lsp.actions.worker import Worker
from cerebrum_lsp.actions.writer import Report, Writer
from cerebrum_lsp.core.actions.recipes import by_rules, plan, read
from cerebrum_lsp.core.actions.values import Change, Refused, Task
from cerebrum_lsp.errors import DaemonError
from cerebrum_lsp.pool import Pool

TRIES = 3  # a model that gets it wrong thrice, told why each time, won't get it right

WAITING = "waiting for the model"


class Maker:
    """Rules and models; `close` ends the process in which code is parsed."""

    def __init__(self, pool: Pool, *, can_review: bool) -> None:
        self._worker = Worker()
        self._writer = Writer(pool)
        self._can_review = can_review

    async def close(self) -> None:
        """End the other process."""
        await self._worker.close()

    async def by_rules(self, task: Task) -> Change | Refused:
        """Return what the rules make of it; open when they can't decide."""
        try:
            return await self._worker.call(by_rules, task)
        except DaemonError as error:
            return Refused(error.message)

    async def by_model(self, task: Task, model: str, report: Report) -> Change | Refused:
        """Return what a model makes of it, checked, in at most so many tries.

        What can't be checked but may be right is for clients that ask their user about it.
        """
        try:
            return await self._by_model(task, model, report)
        except DaemonError as error:
            return Refused(error.message)

    async def _by_model(self, task: Task, model: str, report: Report) -> Change | Refused:
        lane, complaint, room = uuid.uuid4().hex, "", 1
        doubtful: Change | None = None
        for _ in range(TRIES):
            report(f"{model}: {WAITING}")
            planned = await self._worker.call(plan, task, complaint, room)
            if isinstance(planned, Refused):
                return planned
            written = await self._writer.write(planned, model, lane, report)
            answer = await self._worker.call(read, task, written.text, is_cut=written.is_cut)
            if isinstance(answer, Change) and not answer.review:
                return answer
            doubtful = answer if isinstance(answer, Change) else doubtful
            complaint = answer.review if isinstance(answer, Change) else answer.reason
            room = 2 if written.is_cut else room
        if doubtful is not None and self._can_review:
            return doubtful
        return Refused(f"{model} gave no answer that can be used: {complaint}")

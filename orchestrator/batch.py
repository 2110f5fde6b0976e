"""Many requests at once, for whoever does not watch: they run in the gaps that others leave.

An item is cut as soon as somebody interactive asks for something, which frees its slot on the
node, and goes on from the text that it had when all is quiet again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass

from pydantic import ValidationError

from cerebrum_kit.errors import CerebrumError, InvalidRequestError
from cerebrum_kit.http import describe_validation
from cerebrum_kit.wire import ErrorDetail, TokenEvent
from orchestrator.errors import LoadShedError, NodeFailedError
from orchestrator.front import Complete
from orchestrator.traffic import Traffic
from orchestrator.wire import (
    BatchRequest,
    BatchResponse,
    BatchResult,
    CompleteRequest,
    CompleteResponse,
    DoneEvent,
)

SETTLE_S = 1.0  # after the last keystroke's request: the next one comes mostly within this
MAX_REFUSALS = 20  # of one item; then the pool is not busy but full for good


@dataclass
class Draft:
    """What there is of an item's answer."""

    text: str = ""
    tokens: int = 0
    done: DoneEvent | None = None


class Batches:
    """Runs batches; at most `at_once` items of each are on their way."""

    def __init__(
        self,
        complete: Complete,
        traffic: Traffic,
        at_once: int,
        settle_s: float = SETTLE_S,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._complete = complete
        self._traffic = traffic
        self._at_once = at_once
        self._settle_s = settle_s
        self._sleep = sleep

    async def run(self, batch: BatchRequest) -> BatchResponse:
        """Return what became of each request, in order."""
        places = asyncio.Semaphore(self._at_once)
        async with asyncio.TaskGroup() as group:
            items = [
                group.create_task(self._result(each, places), name="batch item")
                for each in batch.requests
            ]
        return BatchResponse(results=[item.result() for item in items])

    async def _result(self, given: dict[str, object], places: asyncio.Semaphore) -> BatchResult:
        try:
            request = background(given)
            async with places:
                return BatchResult(ok=await self._answer(request))
        except CerebrumError as error:
            detail = ErrorDetail(
                code=error.code,
                message=error.message,
                retry_after_s=error.retry_after_s,
                details=error.details,
            )
            return BatchResult(error=detail)

    async def _answer(self, request: CompleteRequest) -> CompleteResponse:
        draft, refusals = Draft(), 0
        while draft.done is None:
            await self._traffic.quiet(self._settle_s)
            try:
                await self._until_disturbed(self._write(request, draft))
            except LoadShedError as refusal:
                refusals += 1
                if refusals == MAX_REFUSALS:
                    raise
                await self._sleep(refusal.retry_after_s or 1.0)
        return _finished(draft, draft.done)

    async def _write(self, request: CompleteRequest, draft: Draft) -> None:
        """Go on with `draft`."""
        rest = request.model_copy(
            update={
                "continue_from": request.continue_from + draft.text,
                "max_tokens": max(1, request.max_tokens - draft.tokens),
            }
        )
        before = draft.tokens
        async with aclosing(self._complete(rest)) as events:
            async for event in events:
                if isinstance(event, TokenEvent):
                    draft.text += event.token
                    draft.tokens = before + event.total_tokens
                elif isinstance(event, DoneEvent):
                    draft.done = event
                    return
        raise NodeFailedError("the answer ended in the middle")

    async def _until_disturbed(self, work: Coroutine[object, object, None]) -> None:
        """Run `work`, but end it as soon as somebody interactive is there."""
        working = asyncio.create_task(work, name="batch item")
        disturbed = asyncio.create_task(self._traffic.busy(), name="batch item disturbed")
        try:
            await asyncio.wait({working, disturbed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (working, disturbed):
                task.cancel()
            await asyncio.gather(working, disturbed, return_exceptions=True)
        if not working.cancelled():
            working.result()


def background(given: dict[str, object]) -> CompleteRequest:
    """Return a batch's item as a request that keeps nobody else waiting, or from running.

    Raises InvalidRequestError.
    """
    try:
        request = CompleteRequest.model_validate(given)
    except ValidationError as error:
        raise InvalidRequestError(describe_validation(error.errors())) from None
    # Without a client it is of no lane: items of one document don't supersede each other.
    changes = {"priority": 0, "mode": request.mode or "async", "client_id": None}
    return request.model_copy(update=changes)


def _finished(draft: Draft, done: DoneEvent) -> CompleteResponse:
    usage = done.usage.model_copy(update={"completion_tokens": draft.tokens})
    ending = done.model_dump(exclude={"done", "usage"})
    return CompleteResponse(text=draft.text, usage=usage, **ending)

"""An engine in memory that stops or fails wherever a test wants it to."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Literal

from node_backend.engines.base import (
    EngineEvent,
    EngineState,
    EngineStatus,
    Finished,
    Order,
    Piece,
    PrefillProgress,
    SlotState,
)
from node_backend.errors import EngineFailedError, ModelFailedError

Phase = Literal["load", "prefill", "decode", "end"]
FINISHED = Finished("stop", 4, 1, 2, prefill_ms=1.0, decode_ms=2.0)


class FakeEngine:
    """Says "Hello" in two pieces. `hold` and `fail` name phases; both may change at any time."""

    name = "fake"

    def __init__(self, state: EngineState = "ready") -> None:
        self.state: EngineState = state
        self.hold: set[Phase] = set()
        self.fail: set[Phase] = set()
        self.reached: asyncio.Queue[Phase] = asyncio.Queue()
        self.busy: set[int] = set()
        self.orders: list[Order] = []
        self.loads = 0
        self.restarts = 0
        self.reads_ahead = False
        self._loading = asyncio.Lock()
        self._moved = asyncio.Condition()

    @property
    def status(self) -> EngineStatus:
        failure = "broken" if self.state == "failed" else None
        return EngineStatus(
            self.state,
            restarts_total=self.restarts,
            failure=failure,
            can_pre_evaluate=self.reads_ahead and self.state == "ready",
        )

    async def release(self, *phases: Phase) -> None:
        """Let what is held in these phases go on."""
        async with self._moved:
            self.hold -= set(phases)
            self._moved.notify_all()

    async def until(self, phase: Phase) -> None:
        """Wait until somebody reaches `phase`."""
        async with asyncio.timeout(10):
            while await self.reached.get() != phase:
                pass

    async def load(self) -> None:
        async with self._loading:
            if self.state == "ready":
                return
            self.loads += 1
            self.state = "loading"
            try:
                await self._pass("load", ModelFailedError("can't load", retry_after_s=0.5))
            except ModelFailedError:
                self.state = "failed"
                raise
            self.state = "ready"

    async def unload(self) -> None:
        self.state = "stopped"

    async def generate(self, order: Order) -> AsyncGenerator[EngineEvent, None]:
        assert self.state == "ready"
        assert order.slot not in self.busy, "two requests on one slot"
        self.orders.append(order)
        self.busy.add(order.slot)
        crash = EngineFailedError("crashed")
        try:
            yield PrefillProgress(0, 4)
            await self._pass("prefill", crash)
            yield Piece("Hel", 1)
            await self._pass("decode", crash)
            yield Piece("lo", 2)
            await self._pass("end", crash)
            yield FINISHED
        finally:
            self.busy.discard(order.slot)

    async def slots(self) -> list[SlotState]:
        return [SlotState(slot, slot in self.busy) for slot in range(2)]

    async def _pass(self, phase: Phase, error: EngineFailedError) -> None:
        self.reached.put_nowait(phase)
        async with self._moved:
            await self._moved.wait_for(lambda: phase not in self.hold)
        if phase in self.fail:
            raise error

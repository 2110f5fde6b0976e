"""Prompts that are read in idle time: on an idle node only, and out of everybody's way."""

import asyncio
from contextlib import aclosing

import pytest

from cerebrum_kit.wire import ProgressEvent
from node_backend.core.machine import Sample, Thresholds
from node_backend.core.residency import Residency
from node_backend.core.residency_events import Grant, Moment, Refused, Unload, Wanted, Yield
from node_backend.core.resident import Limits
from node_backend.engines.base import Order, RawPrompt
from node_backend.engines.llama_cpp_api import completion_body
from node_backend.errors import NotIdleError
from node_backend.generation import Generation, GenerationEvent
from node_backend.guard import Guard
from node_backend.manager import Manager
from node_backend.models import Model
from node_backend.wire import DoneEvent, InferenceRequest
from tests.node_backend.fake_engine import FakeEngine
from tests.node_backend.test_generation import MODEL, PLENTY

AHEAD = InferenceRequest(prompt="Say it:", purpose="pre-evaluate")
ANSWER = InferenceRequest(prompt="Say it:")
BUSY = Sample(cpu_percent=5.0, memory_available_mib=100)


class Bench:
    """A manager whose engine reads ahead, and a clock that stands still."""

    def __init__(self, limits: Limits, engine: FakeEngine | None = None) -> None:
        self.engine = engine or FakeEngine()
        self.engine.reads_ahead = True
        self.sample = PLENTY
        self.now = 0.0
        self.manager = Manager(
            lambda _: self.engine,
            Guard(lambda: self.sample, Thresholds(100, min_memory_available_mib=1024)),
            limits,
            clock=lambda: self.now,
        )

    def begin(
        self, request: InferenceRequest, key: str | None = None, model: Model = MODEL
    ) -> asyncio.Task[list[GenerationEvent]]:
        is_ahead = request.purpose == "pre-evaluate"
        admit = self.manager.admit_spare if is_ahead else self.manager.admit
        return asyncio.create_task(collect(Generation(admit(model, key), request)))

    async def with_model(self) -> "Bench":
        """Return it with the model in memory."""
        await self.begin(ANSWER)
        self.engine.reached = asyncio.Queue()
        return self


async def collect(generation: Generation) -> list[GenerationEvent]:
    async with aclosing(generation.events()) as events:
        return [event async for event in events]


def ending(events: list[GenerationEvent]) -> DoneEvent:
    assert isinstance(events[-1], DoneEvent)
    assert sum(isinstance(event, DoneEvent) for event in events) == 1
    return events[-1]


async def test_a_prompt_is_read_on_the_documents_slot_and_nothing_is_generated() -> None:
    bench = await Bench(Limits(slots=2, queue=2)).with_model()
    await bench.begin(ANSWER, "document")
    done = ending(await bench.begin(AHEAD, "document"))
    assert (done.finish_reason, done.usage.completion_tokens) == ("stop", 0)
    assert bench.engine.orders[-1].slot == bench.engine.orders[-2].slot
    assert bench.engine.orders[-1].only_reads
    assert completion_body([1], bench.engine.orders[-1], 8)["n_predict"] == 0
    assert completion_body([1], Order(RawPrompt("x"), 0, 8), 8)["n_predict"] == 8


@pytest.mark.parametrize("slots", [1, 2])
@pytest.mark.parametrize("queue", [0, 2])
async def test_any_request_for_an_answer_ends_it_at_once(slots: int, queue: int) -> None:
    bench = await Bench(Limits(slots=slots, queue=queue)).with_model()
    bench.engine.hold = {"prefill"}
    ahead = bench.begin(AHEAD, "document")
    await bench.engine.until("prefill")
    bench.engine.hold = set()
    answer = bench.begin(ANSWER, "document")
    async with asyncio.timeout(10):
        events = await ahead
        answered = ending(await answer)
    assert (
        ProgressEvent(stage="prefill", detail={"processed": 0, "total": 4, "cached": 0}) in events
    )
    assert ending(events).finish_reason == "cancelled"
    assert answered.finish_reason == "stop"
    slots_used = [order.slot for order in bench.engine.orders[-2:]]
    assert slots_used[0] == slots_used[1], "what was read is of no use on another slot"


async def test_it_is_refused_unless_the_node_is_idle_and_the_model_ready() -> None:
    bench = Bench(Limits(slots=2, queue=2))
    with pytest.raises(NotIdleError):  # the model is not in memory, and is not loaded for this
        bench.begin(AHEAD)
    assert not bench.manager.models
    await bench.with_model()
    bench.engine.hold = {"decode"}
    running = bench.begin(ANSWER)
    await bench.engine.until("decode")
    with pytest.raises(NotIdleError):
        bench.begin(AHEAD)
    await bench.engine.release("decode")
    await running
    bench.engine.reads_ahead = False
    with pytest.raises(NotIdleError):
        bench.begin(AHEAD)


async def test_it_is_counted_apart() -> None:
    bench = await Bench(Limits(slots=2, queue=2)).with_model()
    await bench.begin(AHEAD)
    bench.engine.hold, bench.engine.reached = {"decode"}, asyncio.Queue()
    ahead = bench.begin(AHEAD)
    await bench.engine.until("decode")
    ahead.cancel()
    await asyncio.wait({ahead})
    bench.sample = BUSY
    with pytest.raises(Exception, match="memory"):
        bench.begin(AHEAD)
    assert dict(bench.manager.outcomes) == {"completed": 1}
    assert dict(bench.manager.pre_evaluations) == {"completed": 1, "cancelled": 1}
    assert (bench.manager.active, bench.manager.active_on(MODEL)) == (0, 0)


async def test_cleaning_up_does_not_wait_for_it() -> None:
    bench = await Bench(Limits(slots=2, queue=2)).with_model()
    bench.engine.hold = {"prefill"}
    ahead = bench.begin(AHEAD)
    await bench.engine.until("prefill")
    async with asyncio.timeout(10):
        assert await bench.manager.unload_idle() == [MODEL]
        assert ending(await ahead).finish_reason == "cancelled"


def residency(queue: int = 2) -> Residency[str]:
    idle = Residency[str](Limits(slots=1, queue=queue, idle_unload_s=60.0))
    idle.ask(1, Wanted("a"), None, at(0))
    idle.loaded("a", at(0))
    idle.leave(1, at(0))
    return idle


def at(now: float) -> Moment:
    return Moment(now, free_bytes=0)


def test_it_does_not_keep_a_model_in_memory() -> None:
    idle = residency()
    assert idle.ask_spare(2, "a", None) == Grant(2, 0)
    assert idle.tick(at(61)) == []
    assert idle.leave(2, at(61)) == [Unload("a")]


def test_whoever_asks_for_another_model_ends_it_too() -> None:
    idle = residency()
    assert idle.ask_spare(2, "a", None) == Grant(2, 0)
    assert idle.ask_spare(3, "a", None) == Refused("busy")
    assert idle.ask(4, Wanted("b"), None, at(1)) == [Yield(2)]
    assert idle.leave(2, at(1)) == [Unload("a")]


def test_one_waits_for_its_slot_where_nobody_else_may_wait() -> None:
    idle = residency(queue=0)
    assert idle.ask_spare(2, "a", None) == Grant(2, 0)
    assert idle.ask(3, Wanted("a"), None, at(1)) == [Yield(2)]
    assert idle.is_full
    assert idle.ask(4, Wanted("a"), None, at(1)) == Refused("busy")
    assert idle.leave(2, at(1)) == [Grant(3, 0)]

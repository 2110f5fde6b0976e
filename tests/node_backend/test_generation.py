"""One request's life on a fake engine: whatever happens, one end, and the slot comes back."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cerebrum_kit.errors import CerebrumError
from cerebrum_kit.wire import ProgressEvent, TokenEvent
from node_backend.core.machine import Sample, Thresholds
from node_backend.core.resident import Limits
from node_backend.errors import BusyError, EngineFailedError, MemoryLowError
from node_backend.generation import Generation, GenerationEvent
from node_backend.guard import Guard
from node_backend.manager import Manager
from node_backend.models import Model
from node_backend.place import Place
from node_backend.wire import DoneEvent, InferenceRequest
from tests.node_backend.fake_engine import FakeEngine, Phase

PLENTY = Sample(cpu_percent=5.0, memory_available_mib=8000)
MODEL = Model("fake", Path("/nowhere/fake.gguf"), 2048)
REQUEST = InferenceRequest(prompt="Say it:")
PHASES: list[Phase] = ["load", "prefill", "decode", "end"]


@dataclass
class Bench:
    """A manager with a fake engine, two slots, and room for two who wait."""

    engine: FakeEngine
    sample: Sample = PLENTY

    def __post_init__(self) -> None:
        guard = Guard(lambda: self.sample, Thresholds(100, min_memory_available_mib=1024))
        self.manager = Manager(lambda _: self.engine, guard, Limits(slots=2, queue=2))

    def place(self, key: str | None = None) -> Place:
        return self.manager.admit(MODEL, key)

    def admit(self) -> Generation:
        return Generation(self.place(), REQUEST)

    def begin(self) -> asyncio.Task[list[GenerationEvent]]:
        """Run a request in a task, and abandon it when that ends, as the routes do."""
        generation = self.admit()
        task = asyncio.create_task(collect(generation))
        task.add_done_callback(lambda _: generation.abandon())
        return task

    async def check_idle_and_working(self) -> None:
        """Everything was given back, and the next requests are served, on every slot."""
        assert (self.manager.active, self.manager.queued, self.engine.busy) == (0, 0, set())
        self.engine.fail.clear()
        await self.engine.release(*PHASES)
        for answer in await asyncio.gather(*(self.admit().response() for _ in range(4))):
            assert answer.text == "Hello"

    def check_counts(self, **expected: int) -> None:
        assert dict(self.manager.outcomes) == expected


async def collect(generation: Generation) -> list[GenerationEvent]:
    async with aclosing(generation.events()) as events:
        return [event async for event in events]


async def cancelled(task: asyncio.Task[list[GenerationEvent]]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_events_of_a_good_request() -> None:
    events = await collect(Bench(FakeEngine()).admit())
    assert events[:3] == [
        ProgressEvent(stage="prefill", detail={"processed": 0, "total": 4}),
        TokenEvent(token="Hel", total_tokens=1),
        TokenEvent(token="lo", total_tokens=2),
    ]
    [done] = events[3:]
    assert isinstance(done, DoneEvent)
    assert (done.usage.prompt_tokens, done.usage.cached_tokens, done.total_tokens) == (4, 1, 2)
    assert (done.timings.prefill_ms, done.timings.decode_ms) == (1.0, 2.0)


async def test_timings_are_taken_at_each_stage() -> None:
    ticks = iter(range(100))
    bench = Bench(FakeEngine(state="stopped"))
    generation = Generation(bench.place(), REQUEST, clock=lambda: next(ticks))
    timings = (await generation.response()).timings
    assert (timings.queue_ms, timings.load_ms, timings.first_token_ms) == (1000, 1000, 3000)


async def test_a_request_that_waits_says_for_what() -> None:
    bench = Bench(FakeEngine(state="stopped"))
    bench.engine.hold = {"load"}
    first, second, waiting = bench.begin(), bench.begin(), bench.begin()
    await bench.engine.until("load")
    await bench.engine.release("load")
    assert (await first)[0] == ProgressEvent(stage="loading")
    assert (await waiting)[0] == ProgressEvent(stage="queued", detail={"ahead": 0})
    await second
    assert bench.engine.loads == 1


@pytest.mark.parametrize("phase", PHASES)
async def test_cancelled_in_any_phase_the_slot_comes_back(phase: Phase) -> None:
    bench = Bench(FakeEngine(state="stopped"))
    bench.engine.hold = {phase}
    task = bench.begin()
    await bench.engine.until(phase)
    await cancelled(task)
    bench.check_counts(cancelled=1)
    await bench.check_idle_and_working()


@pytest.mark.parametrize("phase", PHASES)
async def test_an_engine_that_fails_in_any_phase_costs_one_request(phase: Phase) -> None:
    bench = Bench(FakeEngine(state="stopped"))
    bench.engine.fail = {phase}
    with pytest.raises(EngineFailedError):
        await bench.begin()
    bench.check_counts(failed=1)
    await bench.check_idle_and_working()


async def test_cancelled_while_waiting_it_leaves_the_queue() -> None:
    bench = Bench(FakeEngine())
    bench.engine.hold = {"decode"}
    running = [bench.begin(), bench.begin()]
    waiting = [bench.begin(), bench.begin()]
    await bench.engine.until("decode")
    await cancelled(waiting[0])
    assert bench.manager.queued == 1
    await bench.engine.release("decode")
    await asyncio.gather(*running, waiting[1])
    bench.check_counts(completed=3, cancelled=1)
    await bench.check_idle_and_working()


async def test_cancelled_in_the_moment_of_being_granted_the_slot_goes_on() -> None:
    bench = Bench(FakeEngine())
    places = [bench.place() for _ in range(4)]
    places[0].end("completed")  # grants the third, whose task has not noticed it yet
    places[2].end("cancelled")
    assert await places[3].slot() == await places[2].slot() == 0
    places[1].end("completed")
    places[3].end("completed")
    await bench.check_idle_and_working()


async def test_an_abandoned_generation_that_never_began_gives_its_place_back() -> None:
    bench = Bench(FakeEngine())
    generation = bench.admit()
    generation.abandon()
    generation.abandon()
    bench.check_counts(cancelled=1)
    await bench.check_idle_and_working()


async def test_abandoning_after_the_end_changes_nothing() -> None:
    bench = Bench(FakeEngine())
    generation = bench.admit()
    await generation.response()
    generation.abandon()
    bench.check_counts(completed=1)


async def test_the_slot_is_free_before_the_caller_reads_the_end() -> None:
    bench = Bench(FakeEngine())
    async with aclosing(bench.admit().events()) as events:
        async for event in events:
            if isinstance(event, DoneEvent):
                assert bench.manager.active == 0


async def test_when_slots_and_queue_are_full_the_next_is_refused() -> None:
    bench = Bench(FakeEngine())
    places = [bench.place() for _ in range(4)]
    with pytest.raises(BusyError) as refusal:
        bench.admit()
    assert refusal.value.status == 503
    assert refusal.value.retry_after_s is not None
    for place in places:
        place.end("completed")
    bench.check_counts(refused=1, completed=4)


@pytest.mark.parametrize(("available", "is_refused"), [(1023.0, True), (1024.0, False)])
async def test_requests_are_refused_while_memory_is_low(available: float, is_refused: bool) -> None:
    bench = Bench(FakeEngine(), Sample(cpu_percent=0.0, memory_available_mib=available))
    if is_refused:
        with pytest.raises(MemoryLowError, match="1023 MiB"):
            bench.admit()
    else:
        assert (await bench.admit().response()).text == "Hello"


async def test_a_model_is_not_unloaded_while_it_is_used_or_loaded() -> None:
    bench = Bench(FakeEngine(state="stopped"))
    bench.engine.hold = {"load", "decode"}
    task = bench.begin()
    for phase in ("load", "decode"):
        await bench.engine.until(phase)
        assert await bench.manager.unload_idle() == []
        await bench.engine.release(phase)
    await task
    assert await bench.manager.unload_idle() == [MODEL]
    assert bench.engine.status.state == "stopped"
    assert await bench.manager.unload_idle() == []
    await bench.check_idle_and_working()


async def test_a_request_that_comes_during_the_unloading_waits_and_loads_again() -> None:
    bench = Bench(FakeEngine())
    await bench.admit().response()
    unloading = asyncio.Event()
    go_on = asyncio.Event()

    async def slow_unload() -> None:
        unloading.set()
        await go_on.wait()
        bench.engine.state = "stopped"

    bench.engine.unload = slow_unload  # type: ignore[method-assign]
    cleanup = asyncio.create_task(bench.manager.unload_idle())
    await unloading.wait()
    task = bench.begin()
    await asyncio.sleep(0)
    go_on.set()
    assert await cleanup == [MODEL]
    events = await task
    assert events[0] == ProgressEvent(stage="queued", detail={"ahead": 0})
    assert isinstance(events[-1], DoneEvent)
    assert bench.engine.loads == 1


async def test_what_was_held_at_the_end_of_the_service_is_let_go() -> None:
    bench = Bench(FakeEngine(state="stopped"))
    bench.engine.hold = {"load"}
    await bench.manager.start(MODEL)
    await bench.engine.until("load")
    await bench.manager.stop()
    assert bench.engine.status.state == "stopped"


FATES = st.tuples(
    st.sampled_from(["complete", "cancel"]),
    st.integers(min_value=0, max_value=12),
    st.booleans(),
)


@given(st.lists(FATES, min_size=1, max_size=12))
def test_in_any_mixture_of_cancels_and_crashes_every_request_ends_once(
    fates: list[tuple[str, int, bool]],
) -> None:
    """`fates`: what becomes of each request, after how many turns of the loop, crash or not."""

    async def run() -> None:
        bench = Bench(FakeEngine(state="stopped"))
        refused = 0
        tasks = []
        for fate, turns, crashes in fates:
            bench.engine.fail = {"decode"} if crashes else set()
            try:
                task = bench.begin()
            except BusyError:
                refused += 1
                continue
            tasks.append(task)
            for _ in range(turns):
                await asyncio.sleep(0)
            if fate == "cancel":
                task.cancel()
        async with asyncio.timeout(10):
            ends = await asyncio.gather(*tasks, return_exceptions=True)
        for end in ends:
            match end:
                case list():
                    assert [type(event) for event in end].count(DoneEvent) == 1
                    assert isinstance(end[-1], DoneEvent)
                case _:
                    assert isinstance(end, (CerebrumError, asyncio.CancelledError))
        assert sum(bench.manager.outcomes.values()) == len(tasks) + refused
        await bench.check_idle_and_working()

    asyncio.run(run())

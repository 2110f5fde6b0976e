"""Several models on one node: the manager with fake engines that count what is in memory."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cerebrum_kit.errors import CerebrumError
from node_backend.core.machine import Sample, Thresholds
from node_backend.core.resident import Limits
from node_backend.errors import ModelFailedError, PinnedError
from node_backend.generation import Generation
from node_backend.guard import Guard
from node_backend.manager import Manager, Room
from node_backend.models import Model
from node_backend.wire import InferenceRequest, InferenceResponse
from tests.node_backend.fake_engine import FakeEngine

A, B, C = (Model(name, Path(f"/nowhere/{name}.gguf"), 2048) for name in "abc")
SIZES = {A: 30, B: 40, C: 60}
REQUEST = InferenceRequest(prompt="Say it:")
PLENTY = Sample(cpu_percent=5.0, memory_available_mib=8000)
ONE = Limits(slots=2, queue=8, longest_wait_s=10.0)
TWO = Limits(slots=2, queue=8, models=2, longest_wait_s=10.0)


class MeasuredEngine(FakeEngine):
    """Takes memory from the moment it begins to load until it is unloaded."""

    def __init__(self, model: Model, bench: "Bench") -> None:
        super().__init__(state="stopped")
        self.model = model
        self.bench = bench
        if model in bench.hold_loading:
            self.hold = {"load"}

    async def load(self) -> None:
        if self.state != "ready":
            self.bench.in_memory.add(self.model)
            self.bench.check()
        await super().load()

    async def unload(self) -> None:
        assert not self.busy, "unloaded while it computes"
        await asyncio.sleep(0)
        await super().unload()
        self.bench.in_memory.discard(self.model)


@dataclass
class Bench:
    """A manager, its engines, and a clock that stands still unless it is told not to."""

    limits: Limits = ONE
    free_bytes: int = 100
    pinned: tuple[Model, ...] = ()
    now: float = 0.0
    in_memory: set[Model] = field(default_factory=set)
    made: list[MeasuredEngine] = field(default_factory=list)
    hold_loading: set[Model] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.manager = Manager(
            self.make,
            Guard(lambda: PLENTY, Thresholds(100, min_memory_available_mib=1024)),
            self.limits,
            room=Room(self.measure, SIZES.__getitem__),
            pinned=self.pinned,
            clock=lambda: self.now,
        )

    def make(self, model: Model) -> MeasuredEngine:
        self.made.append(MeasuredEngine(model, self))
        return self.made[-1]

    def measure(self) -> int:
        return self.free_bytes - sum(SIZES[model] for model in self.in_memory)

    def check(self) -> None:
        assert len(self.in_memory) <= self.limits.models
        assert len(self.in_memory) == 1 or self.measure() >= 0

    @property
    def loads(self) -> str:
        """Whose engines were made, in order."""
        return "".join(engine.model.name for engine in self.made)

    async def begin(self, model: Model) -> Generation:
        await self.manager.weigh(model)
        return Generation(self.manager.admit(model, None), REQUEST)

    async def ask(self, model: Model) -> InferenceResponse:
        generation = await self.begin(model)
        try:
            return await generation.response()
        finally:
            generation.abandon()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not holds():  # noqa: ASYNC110 - the fake engines set no events
                await asyncio.sleep(0)


async def test_a_request_is_answered_by_the_model_that_it_names() -> None:
    bench = Bench()
    assert [(await bench.ask(model)).model for model in (A, B, A)] == ["a", "b", "a"]
    assert bench.loads == "aba"
    assert bench.in_memory == {A}


async def test_models_that_fit_stay_side_by_side() -> None:
    bench = Bench(TWO)
    for model in (A, B, A, B):
        await bench.ask(model)
    assert bench.loads == "ab"
    assert bench.in_memory == {A, B}


async def test_models_that_do_not_fit_take_turns() -> None:
    bench = Bench(TWO, free_bytes=99)
    for model in (B, C, B):
        await bench.ask(model)
    assert bench.loads == "bcb"


async def test_a_model_is_not_evicted_while_it_computes() -> None:
    bench = Bench()
    first = await bench.begin(A)
    bench.made[0].hold = {"decode"}
    computing = asyncio.create_task(first.response())
    await bench.made[0].until("decode")
    waiting = asyncio.create_task(bench.ask(B))
    await bench.until(lambda: bench.manager.queued == 1)
    assert bench.in_memory == {A}
    await bench.made[0].release("decode")
    assert (await computing).model == "a"
    assert (await waiting).model == "b"


async def test_a_load_that_nobody_waits_for_any_more_is_not_broken_off() -> None:
    bench = Bench(hold_loading={A})
    generation = await bench.begin(A)
    await bench.made[0].until("load")
    generation.abandon()
    waiting = asyncio.create_task(bench.ask(B))
    await bench.until(lambda: bench.manager.queued == 1)
    assert bench.loads == "a"
    await bench.made[0].release("load")
    assert (await waiting).model == "b"


async def test_a_model_that_can_not_be_loaded_makes_room_for_one_that_can() -> None:
    bench = Bench()
    generation = await bench.begin(A)
    bench.made[0].fail = {"load"}
    with pytest.raises(ModelFailedError):
        await generation.response()
    assert (await bench.ask(B)).model == "b"


async def test_an_error_nobody_thought_of_in_loading_blocks_nobody() -> None:
    bench = Bench()
    generation = await bench.begin(A)

    async def broken() -> None:
        raise ZeroDivisionError

    bench.made[0].load = broken  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError):
        await generation.response()
    assert (await bench.ask(B)).model == "b"


async def test_pinned_models_are_loaded_first_and_keep_others_out() -> None:
    bench = Bench(pinned=(B,))
    await bench.manager.start(default=A)
    assert (await bench.ask(B)).model == "b"
    with pytest.raises(PinnedError, match="kept for b"):
        await bench.ask(A)
    assert await bench.manager.unload_idle() == []
    assert bench.loads == "b"


async def test_an_idle_hour_gives_the_memory_back() -> None:
    bench = Bench()
    await bench.ask(A)
    bench.now = 3599.0
    bench.manager.tick()
    assert bench.in_memory == {A}
    bench.now = 3600.0
    bench.manager.tick()
    await bench.until(lambda: not bench.in_memory)
    assert (await bench.ask(A)).model == "a"
    assert bench.loads == "aa"


async def test_the_alarm_is_set_for_what_is_due() -> None:
    limits = Limits(slots=1, queue=1, idle_unload_s=0.01)
    bench = Bench(limits)
    loop = asyncio.get_running_loop()
    bench.manager = Manager(
        bench.make,
        Guard(lambda: PLENTY, Thresholds(100, 0)),
        limits,
        clock=loop.time,
    )
    await bench.ask(A)
    await bench.until(lambda: not bench.in_memory)


async def test_cleaning_up_unloads_what_nobody_uses_and_waits_for_its_end() -> None:
    bench = Bench(TWO)
    await bench.ask(A)
    generation = await bench.begin(B)
    assert await bench.manager.unload_idle() == [A]
    assert bench.in_memory <= {B}
    assert (await generation.response()).model == "b"


async def test_restarts_of_an_engine_that_is_gone_still_count() -> None:
    bench = Bench()
    await bench.ask(A)
    bench.made[0].restarts = 3
    assert bench.manager.restarts_total == 3
    await bench.ask(B)
    assert bench.manager.restarts_total == 3


async def test_at_the_end_of_the_service_nothing_is_in_memory() -> None:
    bench = Bench(TWO, hold_loading={B})
    await bench.ask(A)
    loading = await bench.begin(B)
    waiting = await bench.begin(C)
    await bench.manager.stop()
    loading.abandon()
    waiting.abandon()
    assert {engine.state for engine in bench.made} == {"stopped"}
    assert bench.loads == "ab"


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.sampled_from([A, B, C])),
        st.tuples(st.sampled_from(["cancel", "crash", "unload", "idle"]), st.integers(0, 11)),
        st.tuples(st.just("turns"), st.integers(1, 12)),
    ),
    min_size=1,
    max_size=40,
)


@given(STEPS, st.sampled_from([ONE, TWO]))
def test_whatever_happens_every_request_ends_once_and_memory_is_never_overdrawn(
    steps: list[tuple[str, object]], limits: Limits
) -> None:
    async def run() -> None:
        bench = Bench(limits, free_bytes=99)
        tasks: list[asyncio.Task[InferenceResponse]] = []
        for what, which in steps:
            match what, which:
                case "ask", Model() as model:
                    tasks.append(asyncio.create_task(bench.ask(model)))
                case "cancel", int(number) if tasks:
                    tasks[number % len(tasks)].cancel()
                case "crash", int(number) if bench.made:
                    bench.made[number % len(bench.made)].fail ^= {"decode"}
                case "unload", _:
                    await bench.manager.unload_idle()
                case "idle", _:
                    bench.now += 3600.0
                    bench.manager.tick()
                case "turns", int(turns):
                    for _ in range(turns):
                        await asyncio.sleep(0)
        async with asyncio.timeout(10):
            while not all(task.done() for task in tasks):
                bench.now += 10.0  # so that whoever waits for a turn gets one
                bench.manager.tick()
                await asyncio.sleep(0)
        for task in tasks:
            error = None if task.cancelled() else task.exception()
            assert error is None or isinstance(error, CerebrumError)
        never_begun = len(tasks) - sum(bench.manager.outcomes.values())
        assert 0 <= never_begun <= sum(task.cancelled() for task in tasks)
        assert (bench.manager.active, bench.manager.queued) == (0, 0)
        await bench.manager.stop()
        assert not bench.in_memory

    asyncio.run(run())

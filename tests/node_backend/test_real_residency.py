"""Models in memory, for real: the engines' own processes and what they hold."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from node_backend.core.machine import Sample, Thresholds
from node_backend.core.resident import Limits
from node_backend.engines.base import Engine
from node_backend.engines.llama_cpp import LlamaCppEngine
from node_backend.engines.llama_cpp_settings import EngineSettings
from node_backend.generation import Generation
from node_backend.guard import Guard
from node_backend.manager import Manager
from node_backend.models import Model
from node_backend.wire import InferenceRequest
from tests.node_backend.nodes import NodeProcess, is_alive, running_node
from tests.node_backend.waiting import until

pytestmark = pytest.mark.e2e

PLENTY = Sample(cpu_percent=0.0, memory_available_mib=100_000)
MB = 1_000_000


@dataclass
class Machine:
    """A manager of real engines, with a clock of its own."""

    slow: Model
    quick: Model
    now: float = 0.0

    def __post_init__(self) -> None:
        guard = Guard(lambda: PLENTY, Thresholds(100, 0))
        limits = Limits(slots=1, queue=4, longest_wait_s=10.0)
        self.manager = Manager(engine, guard, limits, clock=lambda: self.now)

    async def ask(self, model: Model) -> int:
        """Have the model say something; return the id of its process."""
        request = InferenceRequest(prompt="a", max_tokens=2)
        generation = Generation(self.manager.admit(model, None), request)
        answer = await generation.response()
        assert answer.model == model.name
        pid = self.manager.engines[model].status.pid
        assert pid is not None
        return pid


def engine(model: Model) -> Engine:
    settings = EngineSettings(
        model_path=str(model.path),
        context_tokens=model.context_tokens,
        slots=1,
        threads=1,
        batch_tokens=64,
        prompt_cache_mib=0,
        parent_pid=os.getpid(),
    )
    return LlamaCppEngine(settings, load_timeout_s=40, stall_timeout_s=40)


@pytest.fixture
async def machine(slow_model: Path, quick_model: Path) -> AsyncIterator[Machine]:
    machine = Machine(Model("slow", slow_model, 1024), Model("quick", quick_model, 1024))
    yield machine
    await machine.manager.stop()


def children_bytes() -> int:
    """What all processes that this one has started hold of the machine's memory."""
    return sum(child.memory_info().rss for child in psutil.Process().children(recursive=True))


async def test_an_idle_hour_gives_the_memory_back(machine: Machine) -> None:
    before = children_bytes()
    pid = await machine.ask(machine.slow)
    held = psutil.Process(pid).memory_info().rss
    assert held > 64 * MB  # the weights alone
    assert children_bytes() >= before + 0.9 * held  # nodes of other tests may run beside it
    machine.now = 3599.0
    machine.manager.tick()
    await asyncio.sleep(0)
    assert is_alive(pid)
    machine.now = 3600.0
    machine.manager.tick()
    await until(lambda: not machine.manager.engines)
    assert not is_alive(pid)
    assert children_bytes() <= before + 0.1 * held


async def test_another_model_is_loaded_only_when_the_memory_of_the_first_is_back(
    machine: Machine,
) -> None:
    pids = []
    for model in (machine.slow, machine.quick, machine.slow):
        pids.append(await machine.ask(model))
        assert [is_alive(pid) for pid in pids] == [False] * (len(pids) - 1) + [True]


async def test_cleanup_gives_the_memory_back(own_node: NodeProcess) -> None:
    node = psutil.Process(own_node.pid)
    await own_node.infer(prompt="import ", max_tokens=4)
    engine = psutil.Process(await own_node.engine_pid())
    held, own = engine.memory_info().rss, node.memory_info().rss
    assert held > 30 * MB
    answer = await own_node.http.post("/v1/cleanup")
    assert answer.json() == {"unloaded": ["cerebrum-tiny"], "skipped_active": []}
    assert node.children() == []  # at once: it had waited for that
    assert node.memory_info().rss <= own + 5 * MB


async def test_a_node_switches_between_models_by_name(quick_model: Path, tmp_path: Path) -> None:
    (tmp_path / "first.gguf").symlink_to(quick_model)
    with running_node("--model", str(tmp_path / "first.gguf"), "--context", "512") as node:
        async with node.client() as node.http:
            names = ["first", "cerebrum-tiny", "first"]
            for name in names:
                answer = await node.infer(prompt="import ", max_tokens=2, model=name)
                assert answer.model == name
                health = await node.health()
                assert (health.model, health.loaded, health.state) == (name, [name], "ready")
            together = await asyncio.gather(
                *(node.infer(prompt="x", max_tokens=2, model=name) for name in names * 2)
            )
            assert [answer.model for answer in together] == names * 2
            assert [each.state for each in (await node.stats()).models] == ["ready"]
            assert len(psutil.Process(node.pid).children()) == 1


async def test_a_pinned_model_is_not_unloaded() -> None:
    with running_node(CEREBRUM_NODE_PINNED_MODELS="cerebrum-tiny") as node:
        async with node.client() as node.http:
            await node.until_ready()
            answer = await node.http.post("/v1/cleanup")
            assert answer.json() == {"unloaded": [], "skipped_active": ["cerebrum-tiny"]}

"""A GPU without free VRAM is left alone, where its owner wants that; what a node says of itself."""

import asyncio
from typing import Any

import pytest

from node_backend.wire import Health
from orchestrator.core.prediction import NodeSpeeds, Work, predict
from orchestrator.core.routing import Knowledge, NoRoute, Route, RouteQuery, route
from orchestrator.core.snapshot import NodeSnapshot
from tests.fakes.node import WAIT_S, FakeNode
from tests.orchestrator.pool import Service, eventually, service
from tests.orchestrator.test_prediction import MODEL, learned, served


def free(megabytes: float | None) -> Health:
    return FakeNode.health_of().model_copy(update={"vram_free_mb": megabytes, "slots": 4})


@pytest.mark.parametrize(
    ("free_mb", "settings", "node"),
    [
        (99.0, {}, "b"),
        (100.0, {}, "a"),
        (None, {}, "a"),
        (99.0, {"vram_monitoring": False}, "a"),
        (99.0, {"min_vram_mb": 50}, "a"),
        (400.0, {"min_vram_mb": 500}, "b"),
    ],
)
async def test_full_gpu_is_not_asked(
    free_mb: float | None, settings: dict[str, Any], node: str
) -> None:
    async with FakeNode() as one, FakeNode() as other:
        one.health = free(free_mb)
        async with service(one, other, **settings) as pool:
            other.health = FakeNode.health_of(accepting=False)  # so that only VRAM can prefer it
            await eventually(pool, lambda nodes: nodes[1]["state"] == "refusing")
            assert (await pool.ask()).json()["node"] == node


async def test_pool_of_full_gpus_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOLLOL_MIN_VRAM_MB", "200")
    async with FakeNode() as node:
        node.health = free(150.0)
        async with service(node) as pool:
            answer = await pool.ask()
            assert answer.status_code == 503
            error = answer.json()["error"]
            assert error["details"] == {"reason": "vram-low"}
            assert "150 MB free, 200 wanted" in error["message"]
            node.health = free(300.0)
            await until_served(pool)


async def until_served(pool: Service) -> None:
    """Ask until a probe has seen the change."""
    async with asyncio.timeout(WAIT_S):
        while (await pool.ask()).status_code != 200:
            pass


def test_unmeasured_node_is_taken_for_one_of_its_own_kind() -> None:
    fast = learned(served())
    known = Knowledge(fastest_gpu={MODEL: fast})
    cpu = NodeSnapshot("cpu", "ready", speeds=NodeSpeeds(MODEL))
    gpu = NodeSnapshot("gpu", "ready", has_gpu=True, speeds=NodeSpeeds(MODEL, has_gpu=True))
    query = RouteQuery(work=Work(4000, 100))
    chosen = route(query, [cpu, gpu], "fast", 0.0, known)
    assert isinstance(chosen, Route)
    assert chosen.node == "gpu"
    slow, quick = (predict(query.work, node.speeds, None) for node in (cpu, gpu))
    assert quick.total_s < slow.total_s / 5


def test_full_node_is_no_candidate() -> None:
    node = NodeSnapshot("a", "ready", vram_free_mb=10.0)
    nowhere = route(RouteQuery(), [node], "fast", 0.0, Knowledge(min_vram_mb=100))
    assert isinstance(nowhere, NoRoute)
    assert nowhere.reason == "vram-low"

"""Bad weather for a node, the short version of `python -m benchmarks.node_soak`."""

import os
import signal

import psutil
import pytest

from benchmarks.node_soak import GROWTH_LIMIT, soak
from tests.node_backend.nodes import running_node

REQUESTS, KILLS = 120, 3


@pytest.mark.e2e
@pytest.mark.timeout(240)
async def test_in_bad_weather_every_request_ends_once_and_nothing_is_left_behind() -> None:
    """Memory is measured by the long version only: so short a run has not filled the caches."""
    figures = await soak(REQUESTS, KILLS, seed=3)
    assert [figure for figure in figures if not figure.holds and "memory" not in figure.name] == []
    assert any("engine-failed" in figure.beside for figure in figures)


@pytest.mark.e2e
async def test_a_new_engine_costs_the_node_no_memory_of_its_own() -> None:
    with running_node() as node:
        async with node.client() as node.http:
            await node.until_ready()
            for _ in range(10):
                await node.infer(prompt="import ", max_tokens=4)
            process = psutil.Process(node.pid)
            before = process.memory_info().rss
            for _ in range(3):
                os.kill(await node.engine_pid(), signal.SIGKILL)
                await node.infer(prompt="import ", max_tokens=4)
            grown = process.memory_info().rss / before - 1
            assert grown < GROWTH_LIMIT

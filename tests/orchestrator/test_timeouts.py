"""Timeouts that follow from predictions: slow is not dead, and stuck is noticed."""

import asyncio
import time

from tests.fakes import behaviours as b
from tests.fakes.node import FakeNode
from tests.fakes.pacing import Rates
from tests.orchestrator.pool import ASK, service

STALL_S = 1.2


async def test_slow_node_is_silent_for_long_and_succeeds_once_it_is_known_to_be_slow() -> None:
    async with FakeNode() as node, service(node, stall_s=STALL_S, least_stall_s=0.3) as pool:
        node.behaviour = b.ok(pace=Rates(10.0, 100.0), is_timed=True)
        assert (await pool.ask()).status_code == 200  # three tokens of prompt
        answer = await pool.ask(prompt="x" * 80)
        assert answer.status_code == 200
        assert answer.json()["timings"]["first_token_ms"] > STALL_S * 1000


async def test_model_that_is_large_by_its_name_gets_its_time_before_it_was_ever_measured() -> None:
    async with FakeNode() as node:
        node.health = node.health_of().model_copy(update={"model": "q:140b"})
        async with service(node, stall_s=0.3) as pool:
            node.behaviour = b.ok(pace=Rates(5.0, 100.0))
            assert (await pool.ask(prompt="x" * 24)).status_code == 200


async def test_fast_node_that_is_stuck_is_noticed_long_before_an_unknown_one_would_be() -> None:
    async with FakeNode() as node, service(node, stall_s=60.0, least_stall_s=0.4) as pool:
        assert (await pool.ask()).status_code == 200
        for behaviour in (b.hang_after(["a"]), b.hang_before_headers()):
            node.behaviour = behaviour
            begun = time.monotonic()
            broken = await asyncio.wait_for(pool.http.post("/v1/complete", json=ASK), 15)
            assert broken.json()["error"]["code"] == "node-failed"
            assert "silent" in broken.json()["error"]["message"]
            assert time.monotonic() - begun < 15

"""Prompts read ahead: on the idle node that the request will go to, or not at all."""

import asyncio
from typing import Any

import pytest

from tests.fakes import behaviours as b
from tests.fakes.node import WAIT_S, FakeNode
from tests.orchestrator.pool import Service, eventually, service, until_stats

AHEAD = {"purpose": "pre-evaluate", "client_id": "editor", "document_id": "file:///a.py"}
SAME_DOCUMENT = {"client_id": "editor", "document_id": "file:///a.py"}
READS = b.ok(pieces=())


async def read_ahead(pool: Service) -> list[tuple[str, dict[str, Any]]]:
    async with asyncio.timeout(WAIT_S):
        return await pool.ask_stream(**AHEAD)


async def test_it_is_read_by_the_node_that_gets_the_request() -> None:
    async with FakeNode() as first, FakeNode() as second, service(first, second) as pool:
        first.behaviour = second.behaviour = READS
        events = await read_ahead(pool)
        assert [name for name, _ in events] == ["route", "progress", "message"]
        assert events[-1][1]["usage"]["completion_tokens"] == 0
        first.behaviour = second.behaviour = b.ok()
        answer = (await pool.ask(**SAME_DOCUMENT)).json()
        assert answer["text"] == "hello world"
        assert answer["node"] == events[0][1]["node"]
        ahead, asked = (first if answer["node"] == "a" else second).requests
        assert (ahead.purpose, asked.purpose) == ("pre-evaluate", "answer")
        assert ahead.cache_key == asked.cache_key is not None
        assert ahead.max_tokens == asked.max_tokens


async def test_it_is_counted_apart_and_teaches_nothing() -> None:
    async with FakeNode() as node, service(node) as pool:
        node.behaviour = READS
        await read_ahead(pool)
        stats = await until_stats(pool, pre_evaluated_total=1)
        assert (stats["completed_total"], stats["shed_total"]) == (0, 0)
        assert "decode_tokens_per_s" not in stats["nodes"][0]
        metrics = (await pool.http.get("/metrics")).text
        assert "cerebrum_pre_evaluations_total 1.0" in metrics
        assert 'cerebrum_pre_evaluated_tokens_total{node="a"}' in metrics
        assert 'cerebrum_tokens_total{kind="prompt",node="a"}' not in metrics


async def test_it_is_refused_while_the_node_works_and_the_node_is_not_asked() -> None:
    async with FakeNode() as node, service(node) as pool:
        node.behaviour = b.hang_after(["a"])
        async with pool.stream() as events:
            await anext(events)
            refused = await pool.ask(**AHEAD)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "load-shed")
        assert [asked.purpose for asked in node.requests] == ["answer"]


async def test_it_is_refused_by_a_pool_whose_nodes_still_load() -> None:
    async with FakeNode() as node:
        node.health = node.health_of(loading=True)
        async with service(node) as pool:
            assert (await pool.ask(**AHEAD)).status_code == 503
            assert node.requests == []


@pytest.mark.parametrize(
    "behaviour", [b.refuse(503), b.crash_page(), b.reset_before_headers(), b.ok()]
)
async def test_a_node_that_does_not_is_not_replaced_and_not_blamed(behaviour: b.Behaviour) -> None:
    """The last of these is of an older version, and takes it for a request."""
    async with FakeNode() as first, FakeNode() as second, service(first, second) as pool:
        first.behaviour = second.behaviour = behaviour
        assert (await pool.ask(**AHEAD)).status_code >= 500
        assert not (first.requests and second.requests)
        stats = await pool.stats()
        assert (stats["failed_total"], stats["shed_total"], stats["hedged_total"]) == (0, 0, 0)
        for node in await eventually(pool, lambda _: True):
            assert (node["state"], node["breaker"]) == ("ready", "closed")


async def test_leaving_reaches_the_node() -> None:
    async with FakeNode() as node, service(node) as pool:
        node.behaviour = b.hang_after([])
        asking = asyncio.create_task(pool.ask(**AHEAD))
        await node.next_request()
        asking.cancel()
        assert (await node.next_cancellation()).purpose == "pre-evaluate"
        await asyncio.wait({asking})


async def test_it_does_not_keep_a_request_of_the_same_document_waiting() -> None:
    async with FakeNode() as node, service(node, max_concurrent=1) as pool:
        node.behaviour = b.hang_after([])
        asking = asyncio.create_task(pool.ask(**AHEAD))
        await node.next_request()
        node.behaviour = b.ok()
        answer = await asyncio.wait_for(pool.ask(**SAME_DOCUMENT), WAIT_S)
        assert answer.json()["text"] == "hello world"
        asking.cancel()
        await asyncio.wait({asking})


async def test_it_is_never_answered_from_what_is_known() -> None:
    async with FakeNode() as node, service(node, cache_bytes=1_000_000) as pool:
        await pool.ask(**SAME_DOCUMENT)
        node.behaviour = READS
        for _ in range(2):
            await read_ahead(pool)
        assert [asked.purpose for asked in node.requests] == [
            "answer",
            "pre-evaluate",
            "pre-evaluate",
        ]

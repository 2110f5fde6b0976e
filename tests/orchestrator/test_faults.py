"""What a caller sees of each way in which a node can fail, with one node and with a second one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from node_backend.wire import ModelInfo
from tests.fakes import behaviours as b
from tests.fakes.node import FakeNode
from tests.orchestrator.pool import Service, eventually, service

STALL_S = 1.0


@dataclass(frozen=True)
class Fault:
    name: str
    behaviour: b.Behaviour
    status: int
    code: str
    retry_after: str | None = None
    counts_as: str = "failed_total"
    can_another_node_help: bool = True


BEFORE_THE_FIRST_TOKEN = [
    Fault("503", b.refuse(503, 7), 503, "load-shed", "7", "shed_total"),
    Fault("429", b.refuse(429, 3), 503, "load-shed", "3", "shed_total"),
    Fault("400", b.refuse(400, None, "invalid-request"), 400, "invalid-request", None, "", False),
    Fault("413", b.refuse(413, None, "too-large"), 413, "too-large", None, "", False),
    Fault("unknown-model", b.unknown_model(), 404, "unknown-model", None, ""),
    Fault("500", b.crash_page(), 502, "node-failed"),
    Fault("hang-before-headers", b.hang_before_headers(), 502, "node-failed"),
    Fault("hang-after-headers", b.hang_after(), 502, "node-failed"),
    Fault("reset-before-headers", b.reset_before_headers(), 502, "node-failed"),
    Fault("reset-after-headers", b.reset_after(), 502, "node-failed"),
    Fault("cut-after-headers", b.cut_after(), 502, "node-failed"),
    Fault("engine-failed", b.fail_after(), 502, "node-failed"),
    Fault("broken-json", b.garble_after(), 502, "node-failed"),
    Fault("broken-utf8", b.garble_after(raw=b"data: \xff\xfe\n\n"), 502, "node-failed"),
    Fault("wrong-types", b.garble_after(raw=b'data: {"token": 5}\n\n'), 502, "node-failed"),
    Fault("no-event-stream", b.no_event_stream(), 502, "node-failed"),
]
AFTER_IT = [
    Fault("hang", b.hang_after(["a", "b"]), 502, "node-failed"),
    Fault("reset", b.reset_after(["a", "b"]), 502, "node-failed"),
    Fault("cut", b.cut_after(["a", "b"]), 502, "node-failed"),
    Fault("engine-failed", b.fail_after(["a", "b"]), 502, "node-failed"),
    Fault("broken-json", b.garble_after(["a", "b"]), 502, "node-failed"),
]


@asynccontextmanager
async def two_nodes() -> AsyncIterator[tuple[FakeNode, FakeNode, Service]]:
    async with (
        FakeNode() as node,
        FakeNode() as other,
        service(node, other, stall_s=STALL_S) as pool,
    ):
        yield node, other, pool


def by_name(fault: Fault) -> str:
    return fault.name


@pytest.mark.parametrize("fault", BEFORE_THE_FIRST_TOKEN + AFTER_IT, ids=by_name)
async def test_json_caller_gets_one_error(fault: Fault) -> None:
    async with FakeNode() as node, service(node, stall_s=STALL_S) as pool:
        before = await pool.stats()
        node.behaviour = fault.behaviour
        response = await pool.ask()
        assert (response.status_code, response.json()["error"]["code"]) == (
            fault.status,
            fault.code,
        )
        assert response.headers.get("retry-after") == fault.retry_after
        counted = {fault.counts_as: 1} if fault.counts_as else {}
        assert await pool.stats() == {**before, **counted}
        node.behaviour = b.ok()
        assert (await pool.ask()).status_code == 200


@pytest.mark.parametrize("fault", BEFORE_THE_FIRST_TOKEN, ids=by_name)
async def test_stream_that_never_began_is_an_error_with_its_status_or_one_last_event(
    fault: Fault,
) -> None:
    async with FakeNode() as node, service(node, stall_s=STALL_S) as pool:
        node.behaviour = fault.behaviour
        response = await pool.http.post("/v1/complete/stream", json={"prompt": "x"})
        if response.status_code == 200:  # the node had taken the request, and so the route was told
            assert response.text.startswith("event: route")
            assert response.text.count('"done":true') == 1
            assert f'"error":"{fault.code}"' in response.text.split("\n\n")[-2]
        else:
            assert response.status_code == fault.status
            assert response.json()["error"]["code"] == fault.code


@pytest.mark.parametrize("fault", AFTER_IT, ids=by_name)
async def test_stream_that_broke_keeps_what_was_sent_and_ends_in_one_error(fault: Fault) -> None:
    async with two_nodes() as (node, other, pool):
        node.behaviour = other.behaviour = fault.behaviour
        events = await pool.ask_stream()
        tokens = [(data["token"], data["total_tokens"]) for _, data in events if "token" in data]
        assert tokens == [("a", 1), ("b", 2), ("a", 3), ("b", 4)]
        assert [data["error"] for _, data in events if data.get("done")] == ["node-failed"]
        assert events[-1][1]["done"] is True
        assert (len(node.requests), len(other.requests)) == (1, 1), "continued once, and not twice"


@pytest.mark.parametrize("fault", AFTER_IT, ids=by_name)
async def test_another_node_continues_from_the_text_that_was_sent(fault: Fault) -> None:
    async with two_nodes() as (node, other, pool):
        node.behaviour = fault.behaviour
        other.behaviour = b.ok(["c", "d"])
        events = await pool.ask_stream(max_tokens=10)
        tokens = [(data["token"], data["total_tokens"]) for _, data in events if "token" in data]
        assert tokens == [("a", 1), ("b", 2), ("c", 3), ("d", 4)]
        (rest,) = other.requests
        assert (rest.continue_from, rest.max_tokens) == ("ab", 8)
        assert (rest.prompt, rest.cache_key) == (node.requests[0].prompt, None)
        done = events[-1][1]
        assert (done["node"], done["usage"]["completion_tokens"]) == ("b", 4)
        assert {"stage": "failover", "detail": {"to": "b"}} in [data for _, data in events]


async def test_nobody_without_the_model_continues() -> None:
    async with FakeNode() as node, FakeNode() as other:
        other.models = [ModelInfo(name="else", size_bytes=1)]
        other.health = node.health_of().model_copy(update={"model": "else"})
        async with service(node, other) as pool:
            node.behaviour = b.cut_after(["a"])
            events = await pool.ask_stream(model=b.MODEL)
            assert events[-1][1]["error"] == "node-failed"
            assert other.requests == []


async def test_answer_that_broke_off_when_it_was_complete_is_not_continued() -> None:
    async with two_nodes() as (node, other, pool):
        node.behaviour = b.cut_after(["a", "b"])
        events = await pool.ask_stream(max_tokens=2)
        assert events[-1][1]["error"] == "node-failed"
        assert other.requests == []


@pytest.mark.parametrize("fault", BEFORE_THE_FIRST_TOKEN, ids=by_name)
async def test_another_node_answers_without_the_caller_noticing(fault: Fault) -> None:
    async with two_nodes() as (node, other, pool):
        node.behaviour = fault.behaviour
        response = await pool.ask()
        if fault.can_another_node_help:
            assert response.status_code == 200
            assert (response.json()["text"], response.json()["node"]) == ("hello world", "b")
        else:
            assert response.json()["error"]["code"] == fault.code
            assert other.requests == []


async def test_failover_in_a_stream_is_progress_and_the_route_is_told_once() -> None:
    async with FakeNode() as node, FakeNode() as other, service(node, other) as pool:
        node.behaviour = b.reset_after()
        events = await pool.ask_stream()
        names = [name for name, _ in events]
        assert names.count("route") == 1
        assert {"stage": "failover", "detail": {"to": "b"}} in [data for _, data in events]
        assert events[-1][1]["node"] == "b"


async def test_unreachable_node_is_no_node_with_a_time_to_come_back() -> None:
    async with FakeNode() as node, service(node, probe_interval_s=60.0) as pool:
        await node.die()
        for _ in range(2):  # found out by asking; known already
            response = await pool.ask()
            assert (response.status_code, response.json()["error"]["code"]) == (503, "no-node")
            assert int(response.headers["retry-after"]) >= 1
        assert (await pool.http.get("/health")).json()["status"] == "down"


async def test_failure_is_looked_into_at_once_and_not_at_the_next_probe() -> None:
    async with FakeNode() as node, service(node, probe_interval_s=60.0) as pool:
        node.behaviour = b.reset_after()
        node.health = node.health_of(accepting=False, reason="engine failed")
        await pool.ask()
        (seen,) = await eventually(pool, lambda nodes: nodes[0]["state"] == "refusing")
        assert seen["reason"] == "engine failed"


async def test_node_that_returns_is_used_again_without_traffic() -> None:
    async with FakeNode() as node, service(node) as pool:
        await node.die()
        await eventually(pool, lambda nodes: nodes[0]["state"] == "unreachable")
        await node.start()
        await eventually(pool, lambda nodes: nodes[0]["state"] == "ready")
        assert (await pool.ask()).status_code == 200


async def test_node_whose_health_hangs_is_unreachable() -> None:
    async with FakeNode() as node, service(node, probe_timeout_s=0.2) as pool:
        node.health = None
        await eventually(pool, lambda nodes: nodes[0]["state"] == "unreachable")


async def test_refusing_node_is_asked_only_when_no_other_can_be() -> None:
    async with FakeNode() as node, FakeNode() as other, service(node, other) as pool:
        node.health = node.health_of(accepting=False, reason="CPU at 93 %")
        await eventually(pool, lambda nodes: nodes[0]["state"] == "refusing")
        assert (await pool.ask()).json()["node"] == "b"
        await other.die()
        assert (await pool.ask()).json()["node"] == "a"


async def test_all_nodes_refusing_is_load_shed_with_the_reason() -> None:
    async with FakeNode() as node, FakeNode() as other, service(node, other) as pool:
        node.behaviour = b.refuse(503, 7, message="CPU at 93 %")
        other.behaviour = b.refuse(503, 9)
        error = (await pool.ask()).json()["error"]
        assert error["code"] == "load-shed"
        assert "CPU at 93 %" in error["message"]
        assert error["retry_after_s"] == 7


async def test_wrong_key_for_a_node_is_found_without_traffic_and_said() -> None:
    async with FakeNode(key="right") as node, service(node) as pool:
        node.key = "changed"
        response = await pool.ask()
        assert (response.status_code, response.json()["error"]["code"]) == (503, "no-node")
        assert "key" in response.json()["error"]["message"]
        (seen,) = await eventually(pool, lambda nodes: nodes[0]["state"] == "unauthorized")
        assert "key" in seen["reason"]
        again = await pool.ask()
        assert "key" in again.json()["error"]["message"]
        assert len(node.requests) == 0
        node.key = "right"
        await eventually(pool, lambda nodes: nodes[0]["state"] == "ready")
        assert (await pool.ask()).status_code == 200


async def test_no_node_at_all_is_no_node() -> None:
    async with service() as pool:
        response = await pool.ask()
        assert (response.status_code, response.json()["error"]["code"]) == (503, "no-node")
        assert "retry-after" in response.headers
        assert (await pool.http.get("/health")).json() == {
            "status": "down",
            "nodes_ready": 0,
            "nodes_total": 0,
            "version": (await pool.http.get("/openapi.json")).json()["info"]["version"],
        }

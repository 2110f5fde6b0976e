"""The node's HTTP API in front of a fake engine: routes, errors, streams, clients that leave."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from node_backend.app import create_app
from node_backend.core.machine import Sample, Thresholds
from node_backend.core.resident import Limits
from node_backend.guard import Guard
from node_backend.manager import Manager
from node_backend.metrics import Meter
from node_backend.models import Catalog, Model
from node_backend.node import Node
from node_backend.probe import Probe
from node_backend.wire import Health, InferenceResponse, Stats
from tests.node_backend.fake_engine import FakeEngine, Phase
from tests.node_backend.waiting import until

KEY = {"X-API-Key": "secret"}
GOOD: dict[str, object] = {"prompt": "Say it:"}
BODY_LIMIT_BYTES = 1_000_000


@dataclass
class Service:
    """The node's application with a fake engine behind it."""

    engine: FakeEngine
    manager: Manager
    sample: Sample
    http: httpx.AsyncClient = field(init=False)

    async def post(self, body: object) -> httpx.Response:
        return await self.http.post("/v1/inference", json=body, headers=KEY)

    async def stats(self) -> Stats:
        return Stats.model_validate_json((await self.http.get("/v1/stats", headers=KEY)).content)

    async def health(self) -> Health:
        return Health.model_validate_json((await self.http.get("/health")).content)

    async def until_outcome(self, **expected: int) -> None:
        await until(lambda: dict(self.manager.outcomes) == expected)


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    """The application called directly: no sockets, so no client that can leave."""
    app, service = create()
    async with httpx.AsyncClient(
        base_url="http://node", transport=httpx.ASGITransport(app, raise_app_exceptions=False)
    ) as service.http:
        yield service


@pytest.fixture
async def served() -> AsyncIterator[Service]:
    """The application on a real port."""
    app, service = create()
    async with (
        listening(app) as url,
        httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as service.http,
    ):
        yield service


def create() -> tuple[FastAPI, Service]:
    engine = FakeEngine()
    guard = Guard(lambda: created.sample, Thresholds(70, min_memory_available_mib=1024))
    meter = Meter()
    manager = Manager(lambda _: engine, guard, Limits(slots=2, queue=1), on_end=meter.on_end)
    catalog = Catalog((Model("tiny", Path("/nowhere/tiny.gguf"), 2048),))
    node = Node(manager, catalog, Probe(interval_s=60), "secret", BODY_LIMIT_BYTES, meter=meter)
    created = Service(engine, manager, Sample(cpu_percent=5.0, memory_available_mib=8000.0))
    return create_app(node), created


@contextlib.asynccontextmanager
async def listening(app: FastAPI) -> AsyncIterator[str]:
    config = uvicorn.Config(app, port=0, log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


def events_of(text: str) -> list[tuple[str | None, dict[str, Any]]]:
    """Parse a whole event stream."""
    events = []
    for block in text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        events.append((fields.get("event"), json.loads(fields["data"])))
    return events


async def test_the_answer_without_streaming(service: Service) -> None:
    response = await service.post(GOOD)
    assert response.status_code == 200
    answer = InferenceResponse.model_validate_json(response.content)
    assert (answer.text, answer.model, answer.finish_reason) == ("Hello", "tiny", "stop")


async def test_the_answer_as_a_stream(service: Service) -> None:
    response = await service.post({**GOOD, "stream": True})
    assert response.headers["content-type"].startswith("text/event-stream")
    progress, first, second, done = events_of(response.text)
    assert progress == (
        "progress",
        {"stage": "prefill", "detail": {"processed": 0, "total": 4}},
    )
    assert first == (None, {"token": "Hel", "total_tokens": 1})
    assert second == (None, {"token": "lo", "total_tokens": 2})
    assert done[0] is None
    assert (done[1]["done"], done[1]["finish_reason"], done[1]["model"]) == (True, "stop", "tiny")
    assert "text" not in done[1]


@pytest.mark.parametrize("phase", ["prefill", "decode", "end"])
async def test_a_stream_that_fails_ends_in_one_error(service: Service, phase: Phase) -> None:
    service.engine.fail = {phase}
    response = await service.post({**GOOD, "stream": True})
    events = events_of(response.text)
    assert events[-1] == (None, {"error": "engine-failed", "message": "crashed", "done": True})
    assert [data.get("done") for _, data in events].count(True) == 1


async def test_an_error_nobody_thought_of_ends_a_stream_too(service: Service) -> None:
    def broken(_: object) -> None:
        raise ZeroDivisionError("def private(): pass")

    service.engine.generate = broken  # type: ignore[method-assign, assignment]
    [(_, last)] = events_of((await service.post({**GOOD, "stream": True})).text)
    assert (last["error"], last["done"]) == ("internal", True)
    assert "private" not in last["message"]
    await service.until_outcome(cancelled=1)


async def test_a_failed_engine_is_a_bad_gateway(service: Service) -> None:
    service.engine.fail = {"decode"}
    response = await service.post(GOOD)
    assert response.status_code == 502
    assert response.json() == {"error": {"code": "engine-failed", "message": "crashed"}}


async def test_a_model_that_cannot_be_loaded_says_when_to_ask_again(service: Service) -> None:
    service.engine.state = "stopped"
    service.engine.fail = {"load"}
    response = await service.post(GOOD)
    assert response.status_code == 502
    assert response.json()["error"]["code"] == "model-failed"
    assert response.headers["Retry-After"] == "1"
    health = await service.health()
    assert (health.status, health.state, health.accepting) == ("down", "failed", False)
    assert health.reason == "broken"


async def test_a_full_queue_is_a_refusal(service: Service) -> None:
    service.engine.hold = {"decode"}
    accepted = [asyncio.create_task(service.post(GOOD)) for _ in range(3)]
    await until(lambda: service.manager.queued == 1)
    health = await service.health()
    assert (health.status, health.accepting, health.reason) == ("degraded", False, "busy")
    for body in (GOOD, {**GOOD, "stream": True}):
        response = await service.post(body)
        assert response.status_code == 503
        assert response.json()["error"]["code"] == "busy"
        assert int(response.headers["Retry-After"]) >= 1
    await service.engine.release("decode")
    assert {answer.status_code for answer in await asyncio.gather(*accepted)} == {200}
    assert (await service.stats()).refused_total == 2


async def test_low_memory_is_a_refusal(service: Service) -> None:
    service.sample = Sample(cpu_percent=5.0, memory_available_mib=10.0)
    response = await service.post(GOOD)
    assert (response.status_code, response.json()["error"]["code"]) == (503, "memory-low")
    assert int(response.headers["Retry-After"]) >= 1
    health = await service.health()
    assert (health.accepting, health.reason) == (False, "memory-low")


async def test_a_busy_processor_is_a_refusal(service: Service) -> None:
    service.sample = Sample(99.0, memory_available_mib=8000.0, others_cpu_percent=93.0)
    response = await service.post(GOOD)
    assert (response.status_code, response.json()["error"]["code"]) == (503, "cpu-busy")
    assert "93 %" in response.json()["error"]["message"]
    assert int(response.headers["Retry-After"]) >= 1
    health = await service.health()
    assert (health.accepting, health.reason) == (False, "cpu-busy")
    assert (await service.stats()).refused_total == 1


BAD_BODIES: list[tuple[str, object]] = [
    ("nothing to complete", {}),
    ("two kinds at once", {**GOOD, "infill": {"prefix": "x"}}),
    ("three kinds at once", {**GOOD, "infill": {"prefix": "x"}, "messages": []}),
    ("a prompt that is a number", {"prompt": 7}),
    ("an infill without prefix", {"infill": {"suffix": "x"}}),
    ("an infill that is a string", {"infill": "x"}),
    ("no messages", {"messages": []}),
    ("a role that does not exist", {"messages": [{"role": "wizard", "content": "x"}]}),
    ("max_tokens as a string", {**GOOD, "max_tokens": "9"}),
    ("max_tokens of zero", {**GOOD, "max_tokens": 0}),
    ("too many max_tokens", {**GOOD, "max_tokens": 1_000_000}),
    ("a negative temperature", {**GOOD, "temperature": -1}),
    ("an endless temperature", {**GOOD, "temperature": 1e999}),
    ("stop as a string", {**GOOD, "stop": "x"}),
    ("an empty stop sequence", {**GOOD, "stop": [""]}),
    ("too many stop sequences", {**GOOD, "stop": ["x"] * 17}),
    ("stream as a word", {**GOOD, "stream": "yes"}),
    ("a list", [GOOD]),
    ("a string", "prompt"),
    ("null", None),
]


@pytest.mark.parametrize("body", [body for _, body in BAD_BODIES], ids=[n for n, _ in BAD_BODIES])
async def test_a_bad_request_is_refused_and_changes_nothing(service: Service, body: object) -> None:
    content = json.dumps(body)
    response = await service.http.post("/v1/inference", content=content, headers=KEY)
    assert response.status_code == 400, response.text
    assert response.json()["error"]["code"] == "invalid-request"
    await check_untouched(service)


BAD_BYTES = {
    "nothing at all": b"",
    "no JSON": b"prompt=x",
    "half of it": b'{"prompt": "x"',
    "not UTF-8": b'{"prompt": "\xff\xfe"}',
    "half a surrogate pair": b'{"prompt": "\\ud800"}',
    "too deep": b"[" * 100_000,
}


@pytest.mark.parametrize("content", BAD_BYTES.values(), ids=BAD_BYTES.keys())
async def test_what_is_no_json_is_refused_and_changes_nothing(
    service: Service, content: bytes
) -> None:
    headers = {**KEY, "Content-Type": "application/json"}
    response = await service.http.post("/v1/inference", content=content, headers=headers)
    assert response.status_code == 400, response.text
    assert response.json()["error"]["code"] == "invalid-request"
    await check_untouched(service)


async def test_fields_of_a_newer_version_are_ignored(service: Service) -> None:
    assert (await service.post({**GOOD, "mood": "good"})).status_code == 200


async def test_a_body_over_the_limit_is_too_large(service: Service) -> None:
    response = await service.post({"prompt": "x" * BODY_LIMIT_BYTES})
    assert (response.status_code, response.json()["error"]["code"]) == (413, "too-large")
    await check_untouched(service)


async def test_a_body_over_the_limit_in_pieces_is_too_large(service: Service) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(BODY_LIMIT_BYTES // 10_000 + 1):
            yield b" " * 10_000

    response = await service.http.post("/v1/inference", content=pieces(), headers=KEY)
    assert (response.status_code, response.json()["error"]["code"]) == (413, "too-large")
    await check_untouched(service)


async def test_an_unknown_model_is_not_found_and_the_known_ones_are_named(
    service: Service,
) -> None:
    response = await service.post({**GOOD, "model": "gpt-900"})
    assert response.status_code == 404
    error = response.json()["error"]
    assert (error["code"], error["details"]) == ("unknown-model", {"models": ["tiny"]})
    await check_untouched(service)


@pytest.mark.parametrize("model", ["tiny", None])
async def test_the_default_model_is_known_by_name_and_without(
    service: Service, model: str | None
) -> None:
    assert (await service.post({**GOOD, "model": model})).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/inference"),
        ("GET", "/v1/stats"),
        ("GET", "/v1/models"),
        ("GET", "/metrics"),
        ("POST", "/v1/cleanup"),
    ],
)
async def test_everything_but_health_needs_the_key(
    service: Service, method: str, path: str
) -> None:
    body = GOOD if path == "/v1/inference" else None
    for headers in ({}, {"X-API-Key": "wrong"}, {"Authorization": "Bearer wrong"}):
        response = await service.http.request(method, path, json=body, headers=headers)
        assert (response.status_code, response.json()["error"]["code"]) == (401, "unauthorized")
    await check_untouched(service)
    bearer = {"Authorization": "Bearer secret"}
    answer = await service.http.request(method, path, json=body, headers=bearer)
    assert answer.status_code == 200


async def check_untouched(service: Service) -> None:
    """Nothing was admitted, counted, generated or unloaded."""
    assert service.engine.orders == []
    assert not service.manager.outcomes
    assert (service.manager.active, service.manager.queued) == (0, 0)
    assert service.engine.state == "ready"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("phase", ["load", "prefill", "decode"])
async def test_a_client_that_leaves_frees_its_slot(
    served: Service, phase: Phase, caplog: pytest.LogCaptureFixture, *, stream: bool
) -> None:
    served.engine.state = "stopped" if phase == "load" else "ready"
    served.engine.hold = {phase}
    request = asyncio.create_task(served.post({**GOOD, "stream": stream}))
    await served.engine.until(phase)
    request.cancel()
    await served.until_outcome(cancelled=1)
    assert (served.manager.active, served.engine.busy) == (0, set())
    await served.health()  # what the server would complain of, it has by now
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_the_queue_is_forgotten(
    served: Service, *, stream: bool
) -> None:
    served.engine.hold = {"decode"}
    running = [asyncio.create_task(served.post(GOOD)) for _ in range(2)]
    await served.engine.until("decode")
    await served.engine.until("decode")
    waiting = asyncio.create_task(served.post({**GOOD, "stream": stream}))
    await until(lambda: served.manager.queued == 1)
    waiting.cancel()
    await served.until_outcome(cancelled=1)
    assert served.manager.queued == 0
    await served.engine.release("decode")
    await asyncio.gather(*running)
    assert len(served.engine.orders) == 2


async def test_a_document_stays_on_its_slot(service: Service) -> None:
    for _ in range(2):
        for key in ("a", "b"):
            await service.post({**GOOD, "cache_key": key})
    assert [order.slot for order in service.engine.orders] == [0, 1, 0, 1]


async def test_cleanup_unloads_an_idle_model_and_leaves_a_working_one(service: Service) -> None:
    service.engine.hold = {"decode"}
    request = asyncio.create_task(service.post(GOOD))
    await service.engine.until("decode")
    response = await service.http.post("/v1/cleanup", headers=KEY)
    assert response.json() == {"unloaded": [], "skipped_active": ["tiny"]}
    await service.engine.release("decode")
    await request
    response = await service.http.post("/v1/cleanup", headers=KEY)
    assert response.json() == {"unloaded": ["tiny"], "skipped_active": []}
    assert (await service.health()).state == "idle"
    response = await service.http.post("/v1/cleanup", headers=KEY)
    assert response.json() == {"unloaded": [], "skipped_active": []}
    assert (await service.post(GOOD)).status_code == 200


async def test_stats_and_models(service: Service) -> None:
    await service.post(GOOD)
    stats = await service.stats()
    assert (stats.completed_total, stats.max_concurrent, stats.engine) == (1, 2, "fake")
    assert [(slot.id, slot.busy) for slot in stats.slots] == [(0, False), (1, False)]
    models = (await service.http.get("/v1/models", headers=KEY)).json()["models"]
    assert [(model["name"], model["loaded"]) for model in models] == [("tiny", True)]


async def exposed(service: Service) -> dict[str, float]:
    """Return the values of the node's metrics, by name and labels."""
    response = await service.http.get("/metrics", headers=KEY)
    assert response.headers["content-type"].startswith("text/plain")
    values = {}
    for family in text_string_to_metric_families(response.text):
        for sample in family.samples:
            labels = [f"{key}={sample.labels[key]}" for key in sorted(sample.labels)]
            values[",".join([sample.name, *labels])] = sample.value
    return values


async def test_metrics_tell_what_has_ended_and_how_the_node_is(service: Service) -> None:
    await service.post(GOOD)
    await service.post({**GOOD, "stream": True})
    service.engine.fail = {"decode"}
    await service.post(GOOD)
    service.sample = Sample(50.0, memory_available_mib=10.0, others_cpu_percent=25.0)
    await service.post(GOOD)
    metrics = await exposed(service)
    assert metrics["cerebrum_inference_duration_seconds_count,outcome=completed"] == 2
    assert metrics["cerebrum_inference_duration_seconds_count,outcome=failed"] == 1
    assert metrics["cerebrum_inference_first_token_seconds_count,model=tiny"] == 3
    assert metrics["cerebrum_inference_tokens_total,kind=prompt,model=tiny"] == 8
    assert metrics["cerebrum_inference_tokens_total,kind=cached,model=tiny"] == 2
    assert metrics["cerebrum_inference_tokens_total,kind=completion,model=tiny"] == 4
    assert metrics["cerebrum_inference_refused_total"] == 1
    assert metrics["cerebrum_inference_active"] == 0
    assert metrics["cerebrum_model_resident,model=tiny,state=ready"] == 1
    assert metrics["cerebrum_machine_accepting"] == 0
    assert 0 <= metrics["cerebrum_machine_others_cpu_ratio"] <= 1
    assert metrics["cerebrum_machine_memory_available_bytes"] > 2**20
    assert metrics["process_resident_memory_bytes"] > 0
    assert metrics["cerebrum_event_loop_tasks"] >= 1

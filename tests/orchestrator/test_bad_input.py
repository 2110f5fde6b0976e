"""What can't be understood is refused in the wire's shape, and changes nothing."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.fakes.behaviours import unknown_model
from tests.fakes.node import FakeNode
from tests.orchestrator.pool import service

JSON = {"Content-Type": "application/json"}
TWO_KINDS = {"prompt": "x", "infill": {"prefix": "a", "suffix": "b"}}

BAD: list[tuple[str, bytes, int, str]] = [
    ("no JSON", b"{", 400, "invalid-request"),
    ("empty", b"", 400, "invalid-request"),
    ("a list", b"[]", 400, "invalid-request"),
    ("null", b"null", 400, "invalid-request"),
    ("no utf-8", b'{"prompt": "\xff"}', 400, "invalid-request"),
    ("nothing", b"{}", 400, "invalid-request"),
    (
        "prompt and infill",
        json.dumps(TWO_KINDS).encode(),
        400,
        "invalid-request",
    ),
    ("number as prompt", b'{"prompt": 5}', 400, "invalid-request"),
    ("words as number", b'{"prompt": "x", "max_tokens": "many"}', 400, "invalid-request"),
    ("true as number", b'{"prompt": "x", "max_tokens": true}', 400, "invalid-request"),
    ("no tokens", b'{"prompt": "x", "max_tokens": 0}', 400, "invalid-request"),
    ("a NaN", b'{"prompt": "x", "temperature": NaN}', 400, "invalid-request"),
    ("unknown mode", b'{"prompt": "x", "mode": "soon"}', 400, "invalid-request"),
    ("priority 11", b'{"prompt": "x", "priority": 11}', 400, "invalid-request"),
    ("deadline 0", b'{"prompt": "x", "deadline_ms": 0}', 400, "invalid-request"),
    ("prompt over 16 KB", json.dumps({"prompt": "x" * 16_385}).encode(), 413, "too-large"),
    ("16 KB in bytes", json.dumps({"prompt": "é" * 8_193}).encode(), 413, "too-large"),
    ("body over 1 MB", json.dumps({"prompt": "x" * 1_100_000}).encode(), 413, "too-large"),
    ("lone surrogate", b'{"prompt": "\\ud800"}', 400, "invalid-request"),
]


@pytest.mark.parametrize("path", ["/v1/complete", "/v1/complete/stream"])
async def test_bad_input(path: str) -> None:
    async with FakeNode() as node, service(node) as pool:
        before = await pool.stats()
        for name, body, status, code in BAD:
            response = await pool.http.post(path, content=body, headers=JSON)
            error = response.json()["error"]
            assert (name, response.status_code, error["code"]) == (name, status, code)
            assert error["message"], name
            assert "xxx" not in response.text, name
        assert await pool.stats() == before
        assert node.requests == []


async def test_body_without_a_declared_length_is_bounded_too() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"prompt": "'
        for _ in range(20):
            yield b"x" * 65_536

    async with FakeNode() as node, service(node) as pool:
        response = await pool.http.post("/v1/complete", content=chunks(), headers=JSON)
        assert (response.status_code, response.json()["error"]["code"]) == (413, "too-large")


async def test_wrong_key() -> None:
    async with FakeNode() as node, service(node, key="right") as pool:
        before = await pool.stats()
        for key in (b"", b"wrong", "wröng".encode()):
            headers = httpx.Headers([(b"X-API-Key", key)])
            response = await pool.http.post("/v1/complete", json={"prompt": "x"}, headers=headers)
            assert (response.status_code, response.json()["error"]["code"]) == (401, "unauthorized")
        assert await pool.stats() == before
        assert node.requests == []


async def test_bearer_key_is_as_good() -> None:
    async with FakeNode() as node, service(node, key="right") as pool:
        del pool.http.headers["X-API-Key"]
        assert (await pool.ask()).status_code == 401
        pool.http.headers["Authorization"] = "Bearer right"
        assert (await pool.ask()).status_code == 200


async def test_unknown_model_changes_nothing() -> None:
    async with FakeNode() as node, service(node) as pool:
        node.behaviour = unknown_model()
        before = await pool.stats()
        response = await pool.ask(model="no-such-model")
        assert (response.status_code, response.json()["error"]["code"]) == (404, "unknown-model")
        assert await pool.stats() == before


async def test_wrong_address() -> None:
    wrong = [("GET", "/nowhere", 404), ("GET", "/v1/complete", 405), ("DELETE", "/v1/stats", 405)]
    async with FakeNode() as node, service(node) as pool:
        for method, path, status in wrong:
            response = await pool.http.request(method, path)
            assert response.status_code == status
            assert response.json()["error"]["code"]


async def test_model_that_no_node_has_is_named() -> None:
    async with FakeNode() as one, FakeNode() as other, service(one, other) as pool:
        one.behaviour = other.behaviour = unknown_model()
        answer = await pool.ask(model="gpt-9")
        assert answer.status_code == 404
        assert answer.json()["error"]["message"] == "no node of the pool has the model gpt-9"

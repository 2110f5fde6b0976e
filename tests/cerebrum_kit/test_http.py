"""The HTTP edges, on a small app of their own."""

import asyncio
import gc
import warnings
from collections.abc import AsyncGenerator, AsyncIterator

import httpx
import pytest
from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel, ConfigDict

from cerebrum_kit.errors import CerebrumError
from cerebrum_kit.http import BodyLimit, KeyCheck, install_error_handlers, until_disconnect

LIMIT_BYTES = 200


class Question(BaseModel):
    model_config = ConfigDict(strict=True)
    number: int


class BusyError(CerebrumError):
    code = "busy"
    status = 503
    retryable = True


def make_app() -> FastAPI:
    app = FastAPI()
    install_error_handlers(app)
    app.add_middleware(BodyLimit, limit_bytes=LIMIT_BYTES)

    @app.post("/question", dependencies=[Depends(KeyCheck("secret"))])
    def question(body: Question) -> int:
        return body.number

    @app.get("/busy")
    def busy() -> None:
        raise BusyError("later, please", retry_after_s=7, details={"queued": 3})

    @app.get("/crash")
    def crash() -> None:
        raise RuntimeError("the secret text of a user")

    return app


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(make_app(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        yield client


KEY = {"X-API-Key": "secret"}


@pytest.mark.parametrize(
    ("headers", "content", "status", "code"),
    [
        pytest.param(KEY, b'{"number": 1}', 200, None, id="well-formed"),
        pytest.param({"Authorization": "Bearer secret"}, b'{"number": 1}', 200, None, id="bearer"),
        pytest.param({}, b'{"number": 1}', 401, "unauthorized", id="no key"),
        pytest.param({"X-API-Key": "Secret"}, b"{}", 401, "unauthorized", id="wrong key"),
        pytest.param({"X-API-Key": "é"}, b"{}", 401, "unauthorized", id="not ASCII"),
        pytest.param(KEY, b"{", 400, "invalid-request", id="no JSON"),
        pytest.param(KEY, b"\xff\xfe", 400, "invalid-request", id="no text"),
        pytest.param(KEY, b"[]", 400, "invalid-request", id="no object"),
        pytest.param(KEY, b'{"number": "1"}', 400, "invalid-request", id="wrong type"),
        pytest.param(KEY, b" " * (LIMIT_BYTES + 1), 413, "too-large", id="too large"),
    ],
)
async def test_answers_to_good_and_bad_requests(
    client: httpx.AsyncClient,
    headers: dict[str, str],
    content: bytes,
    status: int,
    code: str | None,
) -> None:
    encoded = {name.encode(): value.encode() for name, value in headers.items()}
    sent = {b"Content-Type": b"application/json", **encoded}
    response = await client.post("/question", content=content, headers=sent)
    assert response.status_code == status
    assert response.json() == 1 if code is None else response.json()["error"]["code"] == code


async def test_a_body_of_unknown_length_is_counted(client: httpx.AsyncClient) -> None:
    async def pieces() -> AsyncGenerator[bytes, None]:
        for _ in range(10):
            yield b" " * 50

    response = await client.post("/question", content=pieces(), headers=KEY)
    assert (response.status_code, response.json()["error"]["code"]) == (413, "too-large")


async def test_an_error_says_what_how_long_and_how_much(client: httpx.AsyncClient) -> None:
    response = await client.get("/busy")
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "7"
    assert response.json() == {
        "error": {
            "code": "busy",
            "message": "later, please",
            "retry_after_s": 7.0,
            "details": {"queued": 3},
        }
    }


@pytest.mark.parametrize(("path", "status"), [("/nowhere", 404), ("/question", 405)])
async def test_wrong_paths_and_methods_answer_in_the_same_shape(
    client: httpx.AsyncClient, path: str, status: int
) -> None:
    response = await client.get(path)
    assert response.status_code == status
    assert set(response.json()["error"]) == {"code", "message"}


async def test_a_crash_tells_nothing_of_what_was_sent(client: httpx.AsyncClient) -> None:
    response = await client.get("/crash")
    assert response.status_code == 500
    assert response.json()["error"]["code"] == "internal"
    assert "secret" not in response.text


async def test_a_wrong_value_is_not_repeated(client: httpx.AsyncClient) -> None:
    body = {"number": "def private(): pass"}
    response = await client.post("/question", json=body, headers=KEY)
    assert "private" not in response.text
    assert "number" in response.json()["error"]["message"]


async def test_work_for_a_client_that_went_away_is_cancelled() -> None:
    was_cancelled = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            was_cancelled.set()

    async def gone() -> dict[str, str]:
        return {"type": "http.disconnect"}

    with pytest.raises(asyncio.CancelledError):
        await until_disconnect(Request({"type": "http"}, gone), work())
    assert was_cancelled.is_set()


async def test_work_for_a_client_that_waits_is_finished() -> None:
    async def work() -> int:
        return 7

    async def forever() -> dict[str, str]:
        await asyncio.Event().wait()
        raise AssertionError

    assert await until_disconnect(Request({"type": "http"}, forever), work()) == 7


async def test_work_that_is_finished_at_once_leaves_nothing_unawaited() -> None:
    async def work() -> int:
        return 7

    async def forever() -> dict[str, str]:
        await asyncio.Event().wait()
        raise AssertionError

    with warnings.catch_warnings(record=True) as complaints:
        warnings.simplefilter("always")
        assert await until_disconnect(Request({"type": "http"}, forever), work()) == 7
        await asyncio.sleep(0)
        gc.collect()
    assert [str(each.message) for each in complaints if "never awaited" in str(each.message)] == []


async def test_work_that_times_out_by_itself_is_not_taken_for_a_client_that_left() -> None:
    async def work() -> None:
        async with asyncio.timeout(0):
            await asyncio.Event().wait()

    async def forever() -> dict[str, str]:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(TimeoutError):
        await until_disconnect(Request({"type": "http"}, forever), work())

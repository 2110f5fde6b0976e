"""Routes that parse their body themselves: what they refuse, and in which words."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import field_validator

from cerebrum_kit.http import KeyCheck, install_error_handlers
from cerebrum_kit.routes import BodyRoute
from cerebrum_kit.wire import Infill, Wire

KEY = {"X-API-Key": "secret"}
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PAGE = {"Origin": "https://example.com"}


class Question(Wire):
    number: int
    place: Infill | None = None

    @field_validator("number")
    @classmethod
    def _at_least_zero(cls, number: int) -> int:
        if number < 0:
            raise ValueError("must not be negative")
        return number


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    install_error_handlers(app)
    routes = APIRouter(route_class=BodyRoute, dependencies=[Depends(KeyCheck("secret"))])

    @routes.post("/question")
    async def question(_: Request, asked: Question) -> Response:
        return PlainTextResponse(f"{asked.number}")

    app.router.routes += routes.routes
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as http:
        yield http


@pytest.mark.parametrize(
    ("body", "headers", "status", "words"),
    [
        ('{"number": 7}', {**KEY, **JSON}, 200, "7"),
        ('{"number": 7}', {**KEY, **FORM}, 200, "7"),
        ('{"number": 7}', KEY, 200, "7"),
        ('{"number": 7}', {**KEY, **JSON, **PAGE}, 200, "7"),
        ('{"number": 7}', {**KEY, **FORM, **PAGE}, 400, "application/json"),
        ('{"number": 7}', {**KEY, **PAGE}, 400, "application/json"),
        ('{"number": 7}', JSON, 401, "a key is required"),
        ('{"number": "secret text"}', {**KEY, **JSON}, 400, "number: Input should be a valid int"),
        ('{"number": 7, "place": {"prefix": 8}}', {**KEY, **JSON}, 400, "place.prefix: Input"),
        ("{}", {**KEY, **JSON}, 400, "number: Field required"),
        ('{"number": -1}', {**KEY, **JSON}, 400, "number: must not be negative"),
        ("[]", {**KEY, **JSON}, 400, "object"),
        ('{"number": ', {**KEY, **JSON}, 400, "Invalid JSON"),
        ("", {**KEY, **JSON}, 400, "Invalid JSON"),
        ('{"number": 7, "place": {"prefix": "\\ud800"}}', {**KEY, **JSON}, 400, "Invalid JSON"),
        (b'{"number": "\xff"}', {**KEY, **JSON}, 400, "Invalid JSON"),
        ("[" * 100_000, {**KEY, **JSON}, 400, "Invalid JSON"),
    ],
)
async def test_a_body_is_parsed_or_refused_in_words(
    client: httpx.AsyncClient, body: str | bytes, headers: dict[str, str], status: int, words: str
) -> None:
    response = await client.post("/question", content=body, headers=headers)
    told = response.text if status == 200 else response.json()["error"]["message"]
    assert response.status_code == status, told
    assert words in told
    assert "secret text" not in response.text
    assert len(told) < 300


async def test_the_description_has_the_body(client: httpx.AsyncClient) -> None:
    described = (await client.get("/openapi.json")).json()
    content = described["paths"]["/question"]["post"]["requestBody"]["content"]
    assert content["application/json"]["schema"] == {"$ref": "#/components/schemas/Question"}

"""Ollama's protocol: generate (with `suffix`), chat, and the lists of models; NDJSON streams.

Options beside `num_predict`, `temperature` and `stop` are left to the nodes: to change, for one
request, what a runner was started with would make the node load its model again.
"""

import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, params
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from cerebrum_kit.errors import CerebrumError
from cerebrum_kit.wire import Text, TokenEvent, Wire
from orchestrator.answers import Chunks, Format, as_whole
from orchestrator.compat.edge import (
    Backend,
    ServedModel,
    as_request,
    described,
    errors_as,
    max_tokens,
    retry_after,
    stops,
    temperature,
)
from orchestrator.errors import UnknownModelError
from orchestrator.life import Events
from orchestrator.wire import CompleteRequest, DoneEvent, Ending

NS_PER_MS = 1_000_000
Data = dict[str, Any]
Clock = Callable[[], datetime]


class Options(Wire):
    """The options that a pool can keep."""

    num_predict: int | None = None
    temperature: float | None = None
    stop: str | Annotated[list[str], Field(max_length=16)] | None = None


class _Asked(Wire):
    """What both kinds of request share; unlike elsewhere, a stream is the default."""

    model: Text
    stream: bool | None = True
    options: Options | None = None
    images: Annotated[list[str], Field(max_length=0)] | None = None


class GenerateRequest(_Asked):
    """`POST /api/generate`; without a prompt it only loads the model."""

    prompt: Text = ""
    suffix: Text = ""
    system: Text = ""
    raw: bool | None = None


class ChatMessage(Wire):
    """One turn of a chat."""

    role: Literal["system", "user", "assistant"]
    content: Text = ""
    images: Annotated[list[str], Field(max_length=0)] | None = None


class ChatRequest(_Asked):
    """`POST /api/chat`; without messages it only loads the model."""

    messages: Annotated[list[ChatMessage], Field(max_length=256)] = Field(default_factory=list)


class ShowRequest(Wire):
    """`POST /api/show`; `name` is what `model` was called earlier."""

    model: Text = ""
    name: Text = ""


def complete_request(
    asked: GenerateRequest | ChatRequest, choice: dict[str, str]
) -> CompleteRequest:
    """Return what is asked of the pool; to load a model, one token is."""
    options = asked.options or Options()
    given = {
        "max_tokens": 1 if is_loading(asked) else max_tokens(options.num_predict, default=-1),
        "temperature": temperature(options.temperature),
        "stop": stops(options.stop),
        "stream": asked.stream is not False,
    }
    return as_request({**choice, **_kind(asked), **given})


def is_loading(asked: GenerateRequest | ChatRequest) -> bool:
    """Whether nothing is asked but that the model be ready."""
    if isinstance(asked, ChatRequest):
        return not asked.messages
    return not asked.prompt and not asked.suffix


def last(done: Ending, text: str, *, asked: GenerateRequest | ChatRequest, at: datetime) -> Data:
    """Return an answer's last, or only, object; durations are in nanoseconds."""
    if is_loading(asked):
        return _piece("", asked, at) | {"done": True, "done_reason": "load"}
    timings = done.node_timings
    return _piece(text, asked, at) | {
        "done": True,
        "done_reason": done.finish_reason,
        "total_duration": int(done.timings.total_ms * NS_PER_MS),
        "load_duration": int(timings.load_ms * NS_PER_MS),
        "prompt_eval_count": done.usage.prompt_tokens,
        "prompt_eval_duration": int(timings.prefill_ms * NS_PER_MS),
        "eval_count": done.usage.completion_tokens,
        "eval_duration": int(timings.decode_ms * NS_PER_MS),
    }


async def chunks(
    events: Events, asked: GenerateRequest | ChatRequest, clock: Clock
) -> AsyncGenerator[bytes, None]:
    """Render events as lines of JSON."""
    async with aclosing(events):
        async for event in events:
            if isinstance(event, TokenEvent) and not is_loading(asked):
                yield _line(_piece(event.token, asked, clock()) | {"done": False})
            elif isinstance(event, DoneEvent):
                yield _line(last(event, "", asked=asked, at=clock()))


def tags(model: ServedModel, at: datetime) -> Data:
    """Return one line of `GET /api/tags`; sizes are the nodes' business, and not known here."""
    return {
        "name": model.name,
        "model": model.name,
        "modified_at": at.isoformat(),
        "size": 0,
        "digest": "",
        "details": DETAILS,
    }


def router(
    backend: Backend,
    guards: Sequence[params.Depends],
    clock: Clock = lambda: datetime.now(UTC),
) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(
        route_class=errors_as(_error_response),
        dependencies=guards,
        responses=described(STREAM.media_type),
        tags=["Ollama"],
    )
    _add_generation(routes, backend, clock)
    _add_lists(routes, backend, clock)
    return routes


def _add_generation(routes: APIRouter, backend: Backend, clock: Clock) -> None:

    async def answer(request: Request, asked: GenerateRequest | ChatRequest) -> Response:
        events = backend.complete(complete_request(asked, backend.choice(asked.model)))
        if asked.stream is not False:
            return Chunks(chunks(events, asked, clock), STREAM)
        return await as_whole(
            request,
            events,
            lambda told: JSONResponse(last(told, told.text, asked=asked, at=clock())),
        )

    @routes.post("/api/generate")
    async def generate(request: Request, asked: GenerateRequest) -> Response:
        """Complete text, or fill the place before `suffix`."""
        return await answer(request, asked)

    @routes.post("/api/chat")
    async def chat(request: Request, asked: ChatRequest) -> Response:
        """Answer the last turn of a chat."""
        return await answer(request, asked)


def _add_lists(routes: APIRouter, backend: Backend, clock: Clock) -> None:
    @routes.get("/api/tags")
    async def list_models() -> Response:
        """List the models of the pool."""
        return JSONResponse({"models": [tags(model, clock()) for model in backend.models()]})

    @routes.get("/api/ps")
    async def running() -> Response:
        """List the models that are loaded somewhere."""
        loaded = [model for model in backend.models() if model.loaded_on]
        shown = [tags(model, clock()) | {"size_vram": 0} for model in loaded]
        return JSONResponse({"models": shown})

    @routes.get("/api/version")
    async def tell_version() -> Response:
        """Return the version of Cerebrum: it speaks Ollama's protocol, and isn't one."""
        return JSONResponse({"version": version("cerebrum")})

    @routes.post("/api/show")
    async def show(_: Request, asked: ShowRequest) -> Response:
        """Return what is known of one model."""
        wanted = backend.choice(asked.model or asked.name).get("model")
        if wanted not in {model.name for model in backend.models()}:
            raise UnknownModelError(f"model '{asked.model or asked.name}' not found")
        return JSONResponse(
            {
                "modelfile": "",
                "parameters": "",
                "template": "",
                "details": DETAILS,
                "model_info": {},
                "capabilities": ["completion", "insert"],
            }
        )


def _kind(asked: GenerateRequest | ChatRequest) -> Data:
    """Return the input: a raw prompt goes as it is, others get the model's own template."""
    if is_loading(asked):
        return {"prompt": " "}
    if isinstance(asked, ChatRequest):
        turns = [{"role": turn.role, "content": turn.content} for turn in asked.messages]
        return {"messages": turns}
    if asked.suffix:
        return {"infill": {"prefix": asked.prompt, "suffix": asked.suffix}}
    if asked.raw:
        return {"prompt": asked.prompt}
    system = [{"role": "system", "content": asked.system}] if asked.system else []
    return {"messages": [*system, {"role": "user", "content": asked.prompt}]}


def _piece(text: str, asked: GenerateRequest | ChatRequest, at: datetime) -> Data:
    common: Data = {"model": asked.model, "created_at": at.isoformat()}
    if isinstance(asked, ChatRequest):
        return common | {"message": {"role": "assistant", "content": text}}
    return common | {"response": text}


def _line(data: Data) -> bytes:
    return json.dumps(data).encode() + b"\n"


def _error_body(error: CerebrumError) -> Data:
    return {"error": error.message}


def _error_response(error: CerebrumError) -> Response:
    return JSONResponse(_error_body(error), error.status, retry_after(error))


DETAILS: Data = {
    "parent_model": "",
    "format": "gguf",
    "family": "",
    "families": [],
    "parameter_size": "",
    "quantization_level": "",
}
# Its clients take every line for JSON, so there is nothing that could keep a silent stream alive.
STREAM = Format(
    "application/x-ndjson",
    _error_response,
    lambda error: _line(_error_body(error)),
    keep_alive_s=None,
)

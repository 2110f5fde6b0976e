"""llama.cpp's server: `/infill` as llama.vim and llama.vscode use it, `/completion`, and its state.

`/tokenize` is not offered (501): each node's model has tokens of its own, and the wire to a node
has texts, not tokens; the clients that ask for it (to measure a prompt) go on without an answer.
Samplers are left to the nodes. `n_indent` and `t_max_predict_ms` are kept here, by ending the
answer. `t_max_prompt_ms` is read and has no effect, as in llama.cpp itself.
"""

import json
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import APIRouter, Request, params
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from cerebrum_kit.errors import CerebrumError
from cerebrum_kit.sse import MEDIA_TYPE
from cerebrum_kit.wire import Text, TokenEvent, Wire
from orchestrator.answers import Chunks, Format, as_result
from orchestrator.compat.cutting import Cutter
from orchestrator.compat.edge import (
    Backend,
    NotImplementedHereError,
    as_request,
    described,
    errors_as,
    max_tokens,
    retry_after,
    stops,
    temperature,
)
from orchestrator.errors import NodeFailedError
from orchestrator.life import Events
from orchestrator.wire import CompleteRequest, DoneEvent, Ending

ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    413: "exceed_context_size_error",
    501: "not_supported_error",
    503: "unavailable_error",
}
PREPARING_PRIORITY = (
    0  # to fill the cache for what may come is less urgent than anybody's keystroke
)
Data = dict[str, Any]


class Extra(Wire):
    """A chunk of another file; llama.cpp calls one without a name `tmp`."""

    text: Text
    filename: Annotated[str, Field(max_length=4096)] = "tmp"


class _Sampled(Wire):
    """What both kinds of request share."""

    n_predict: int = -1
    temperature: float | None = None
    stop: Annotated[list[str], Field(max_length=16)] | None = None
    stream: bool = False
    n_indent: Annotated[int, Field(ge=0)] = 0
    t_max_predict_ms: int = 0
    response_fields: Annotated[list[str], Field(max_length=256)] | None = None
    model: Text | None = None


class CompletionRequest(_Sampled):
    """`POST /completion`."""

    prompt: Text


class InfillRequest(_Sampled):
    """`POST /infill`; `prompt` is what was typed of the place to be filled."""

    input_prefix: Text = ""
    input_suffix: Text = ""
    input_extra: Annotated[list[Extra], Field(max_length=64)] = Field(default_factory=list)
    prompt: Text = ""


def complete_request(
    asked: CompletionRequest | InfillRequest, choice: dict[str, str]
) -> CompleteRequest:
    """Return what is asked of the pool; no tokens (`n_predict` 0) only fill the node's cache."""
    kind: Data = {"prompt": asked.prompt}
    if isinstance(asked, InfillRequest):
        prefix = asked.input_prefix + asked.prompt
        snippets = [{"path": each.filename, "text": each.text} for each in asked.input_extra]
        kind = {"infill": {"prefix": prefix, "suffix": asked.input_suffix}, "snippets": snippets}
    if asked.n_predict == 0:
        kind["priority"] = PREPARING_PRIORITY
    given = {
        "max_tokens": max_tokens(asked.n_predict),
        "temperature": temperature(asked.temperature),
        "stop": stops(asked.stop),
        "stream": asked.stream,
    }
    return as_request({**choice, **kind, **given})


async def pieces(
    events: Events, cutter: Cutter, clock: Callable[[], float]
) -> AsyncGenerator[str | Data, None]:
    """Yield the text as far as `cutter` lets it, then the final object without its content.

    An answer that is cut ends the request: the node's slot is free from then on.
    """
    begun_at, first_at, count = clock(), None, 0
    async with aclosing(events):
        async for event in events:
            now = clock()
            if isinstance(event, TokenEvent):
                first_at, count = first_at or now, event.total_tokens
                if text := cutter.feed(event.token, now):
                    yield text
                if cutter.is_cut:
                    prompt_ms = (first_at - begun_at) * 1000
                    yield _final(count, "limit") | _timings(
                        0, prompt_ms, count, (now - first_at) * 1000
                    )
                    return
            elif isinstance(event, DoneEvent):
                if text := cutter.rest():
                    yield text
                yield final(event)
                return
    raise NodeFailedError("the answer ended in the middle")


def final(done: Ending) -> Data:
    """Return the last object of an answer, without its content."""
    usage, timings = done.usage, done.node_timings
    stop_type = "limit" if done.finish_reason == "length" else "eos"
    shown = _final(usage.completion_tokens, stop_type, done.model)
    shown |= {"tokens_evaluated": usage.prompt_tokens, "tokens_cached": usage.cached_tokens}
    new_tokens = usage.prompt_tokens - usage.cached_tokens
    return shown | _timings(
        new_tokens, timings.prefill_ms, usage.completion_tokens, timings.decode_ms
    )


def chosen_fields(answer: Data, paths: Sequence[str] | None) -> Data:
    """Return the fields that are wanted; `timings/prompt_n` keeps its path as its name."""
    if paths is None:
        return answer
    chosen: Data = {}
    for path in paths:
        value: Any = answer
        for step in path.split("/"):
            value = value.get(step, _MISSING) if isinstance(value, dict) else _MISSING
        if value is not _MISSING:
            chosen[path] = value
    return chosen


def error_body(error: CerebrumError) -> Data:
    """Return an error."""
    kind = ERROR_TYPES.get(error.status, "server_error")
    return {"error": {"code": error.status, "message": error.message, "type": kind}}


def router(
    backend: Backend,
    guards: Sequence[params.Depends],
    clock: Callable[[], float] = time.monotonic,
) -> APIRouter:
    """Return the routes; `/health` is the orchestrator's own, which answers alike."""
    routes = APIRouter(
        route_class=errors_as(_error_response),
        dependencies=guards,
        responses=described(STREAM.media_type),
        tags=["llama.cpp"],
    )

    async def answer(request: Request, asked: CompletionRequest | InfillRequest) -> Response:
        wanted = complete_request(asked, backend.choice(asked.model))
        seconds = asked.t_max_predict_ms / 1000 if asked.t_max_predict_ms > 0 else None
        told = pieces(backend.complete(wanted), Cutter(asked.n_indent, seconds), clock)
        if asked.stream:
            return Chunks(_rendered(told, asked), STREAM)
        return await as_result(request, _collected(told, asked), JSONResponse)

    @routes.post("/completion")
    async def completion(request: Request, asked: CompletionRequest) -> Response:
        """Complete text."""
        return await answer(request, asked)

    @routes.post("/infill")
    async def infill(request: Request, asked: InfillRequest) -> Response:
        """Fill the place between prefix and suffix."""
        return await answer(request, asked)

    @routes.get("/props")
    async def props() -> Response:
        """Return what the pool is, as far as llama.cpp has words for it."""
        return JSONResponse(_props(backend))

    @routes.get("/slots")
    async def slots() -> Response:
        """Return the places to run, as slots."""
        stats = backend.stats()
        places = max(stats.max_concurrent, stats.active_requests)
        shown = [{"id": at, "is_processing": at < stats.active_requests} for at in range(places)]
        return JSONResponse(shown)

    @routes.post("/tokenize", status_code=501, response_class=Response)
    async def tokenize() -> Response:
        """Say that it can't be done: the nodes have different models, each with its own tokens."""
        raise NotImplementedHereError(
            "a pool has no tokenizer of its own; ask the llama-server on a node"
        )

    return routes


async def _collected(
    told: AsyncGenerator[str | Data, None], asked: CompletionRequest | InfillRequest
) -> Data:
    text, last = "", {}
    async with aclosing(told):
        async for each in told:
            if isinstance(each, str):
                text += each
            else:
                last = each
    content = "" if asked.n_predict == 0 else text
    return chosen_fields({"content": content, **last}, asked.response_fields)


async def _rendered(
    told: AsyncGenerator[str | Data, None], asked: CompletionRequest | InfillRequest
) -> AsyncGenerator[bytes, None]:
    async with aclosing(told):
        async for each in told:
            if not isinstance(each, str):
                yield _sse(chosen_fields({"content": "", **each}, asked.response_fields))
            elif asked.n_predict != 0:
                yield _sse({"content": each, "stop": False, "index": 0})


def _final(tokens: int, stop_type: str, model: str = "") -> Data:
    return {
        "index": 0,
        "id_slot": -1,
        "stop": True,
        "stop_type": stop_type,
        "stopping_word": "",
        "model": model,
        "truncated": False,
        "tokens_predicted": tokens,
        "tokens_evaluated": 0,
        "tokens_cached": 0,
    }


def _timings(prompt_n: int, prompt_ms: float, predicted_n: int, predicted_ms: float) -> Data:
    timings: Data = {}
    for name, count, ms in (
        ("prompt", prompt_n, prompt_ms),
        ("predicted", predicted_n, predicted_ms),
    ):
        timings[f"{name}_n"] = count
        timings[f"{name}_ms"] = ms
        timings[f"{name}_per_token_ms"] = ms / count if count else 0.0
        timings[f"{name}_per_second"] = count * 1000 / ms if ms else 0.0
    return {"timings": timings}


def _props(backend: Backend) -> Data:
    models = backend.models()
    loaded = next((model.name for model in models if model.loaded_on), "")
    return {
        "default_generation_settings": {},
        "total_slots": backend.stats().max_concurrent,
        "model_path": loaded,
        "chat_template": "",
        "modalities": {"vision": False, "audio": False},
        "build_info": f"cerebrum {version('cerebrum')}",
    }


def _sse(data: Data) -> bytes:
    return f"data: {json.dumps(data)}\n\n".encode()


def _error_response(error: CerebrumError) -> Response:
    return JSONResponse(error_body(error), error.status, retry_after(error))


_MISSING = object()
STREAM = Format(MEDIA_TYPE, _error_response, lambda error: _sse(error_body(error)))

"""OpenAI's protocol: completions (with `suffix`), chat completions, models; streamed or not.

What the pool has no means for (several choices, tools, images, log probabilities) is refused;
sampling parameters beside the temperature are left to the nodes.
"""

import json
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, params
from fastapi.responses import JSONResponse, Response
from pydantic import Field

from cerebrum_kit.errors import CerebrumError
from cerebrum_kit.sse import MEDIA_TYPE
from cerebrum_kit.wire import Text, TokenEvent, Usage, Wire
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
from orchestrator.wire import CompleteRequest, CompleteResponse, DoneEvent, RouteEvent

Stop = str | Annotated[list[str], Field(max_length=16)] | None
Clock = Callable[[], float]
DONE = b"data: [DONE]\n\n"
ERROR_TYPES = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}


class StreamOptions(Wire):
    """What a stream tells beside the text."""

    include_usage: bool = False


class _Asked(Wire):
    """What both kinds of request share."""

    model: Text = ""
    max_tokens: int | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    stop: Stop = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = None


class CompletionRequest(_Asked):
    """`POST /v1/completions`."""

    prompt: Text | Annotated[list[Text], Field(min_length=1, max_length=1)]
    suffix: Text | None = None
    echo: Literal[False] | None = None


class ContentPart(Wire):
    """A piece of a turn's text."""

    type: Literal["text"]
    text: Text


class ChatMessage(Wire):
    """One turn of a chat; developers speak as the system does."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Text | list[ContentPart]


class ChatRequest(_Asked):
    """`POST /v1/chat/completions`."""

    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=256)]
    max_completion_tokens: int | None = None


def completion(asked: CompletionRequest, choice: dict[str, str]) -> CompleteRequest:
    """Return what a completion asks of the pool: infill when there is a suffix."""
    prompt = asked.prompt if isinstance(asked.prompt, str) else asked.prompt[0]
    kind: dict[str, Any] = {"prompt": prompt}
    if asked.suffix:
        kind = {"infill": {"prefix": prompt, "suffix": asked.suffix}}
    return _complete_request(asked, choice, kind, asked.max_tokens)


def chat(asked: ChatRequest, choice: dict[str, str]) -> CompleteRequest:
    """Return what a chat asks of the pool."""
    turns = [{"role": _role(turn), "content": _content(turn)} for turn in asked.messages]
    limit = asked.max_tokens if asked.max_completion_tokens is None else asked.max_completion_tokens
    return _complete_request(asked, choice, {"messages": turns}, -1 if limit is None else limit)


def completion_answer(answer: CompleteResponse, created_s: int) -> dict[str, object]:
    """Return a completion's answer."""
    choice = {"index": 0, "text": answer.text, "logprobs": None}
    return _envelope("text_completion", answer.model, created_s, choice, answer.finish_reason) | {
        "usage": usage_of(answer.usage)
    }


def chat_answer(answer: CompleteResponse, created_s: int) -> dict[str, object]:
    """Return a chat's answer."""
    choice = {"index": 0, "message": {"role": "assistant", "content": answer.text}}
    return _envelope("chat.completion", answer.model, created_s, choice, answer.finish_reason) | {
        "usage": usage_of(answer.usage)
    }


def usage_of(usage: Usage) -> dict[str, object]:
    """Return token counts."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


def model_list(models: Sequence[ServedModel], created_s: int) -> dict[str, object]:
    """Return `GET /v1/models`; `nodes` and `loaded_on` are additions of ours."""
    data = [_model(model, created_s) for model in models]
    return {"object": "list", "data": data}


def error_body(error: CerebrumError) -> dict[str, object]:
    """Return an error."""
    kind = ERROR_TYPES.get(error.status)
    if kind is None:
        kind = "invalid_request_error" if error.status < 500 else "server_error"
    detail = {"message": error.message, "type": kind, "param": None, "code": error.code}
    return {"error": detail}


async def chunks(
    events: Events, *, is_chat: bool, with_usage: bool, created_s: int
) -> AsyncGenerator[bytes, None]:
    """Render events as OpenAI's stream; the answer has one id from its first chunk to its last."""
    answer_id, model = _new_id(is_chat=is_chat), ""
    kind = "chat.completion.chunk" if is_chat else "text_completion"

    def chunk(text: str | None, finish_reason: str | None = None, role: str | None = None) -> bytes:
        envelope = _envelope(kind, model, created_s, _delta(text, role, is_chat), finish_reason)
        return _sse(envelope | {"id": answer_id})

    is_begun = not is_chat
    async with aclosing(events):
        async for event in events:
            match event:
                case RouteEvent():
                    model = event.model or ""
                case TokenEvent():
                    yield chunk(event.token, role=None if is_begun else "assistant")
                    is_begun = True
                case DoneEvent():
                    model = event.model
                    yield chunk(None, event.finish_reason)
                    if with_usage:
                        bare = _envelope(kind, model, created_s, None, None)
                        yield _sse(bare | {"id": answer_id, "usage": usage_of(event.usage)})
                    yield DONE


def router(
    backend: Backend, guards: Sequence[params.Depends], clock: Clock = time.time
) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(
        route_class=errors_as(_error_response),
        dependencies=guards,
        responses=described(STREAM.media_type),
        tags=["OpenAI"],
    )

    async def answer(
        request: Request, asked: CompletionRequest | ChatRequest, wanted: CompleteRequest
    ) -> Response:
        events, is_chat, created_s = (
            backend.complete(wanted),
            isinstance(asked, ChatRequest),
            clock(),
        )
        if asked.stream:
            options = asked.stream_options or StreamOptions()
            rendered = chunks(
                events,
                is_chat=is_chat,
                with_usage=options.include_usage,
                created_s=int(created_s),
            )
            return Chunks(rendered, STREAM)
        body = chat_answer if is_chat else completion_answer
        return await as_whole(
            request, events, lambda told: JSONResponse(body(told, int(created_s)))
        )

    @routes.post("/v1/completions")
    async def completions(request: Request, asked: CompletionRequest) -> Response:
        """Complete text, or fill the place before `suffix`."""
        return await answer(request, asked, completion(asked, backend.choice(asked.model)))

    @routes.post("/v1/chat/completions")
    async def chat_completions(request: Request, asked: ChatRequest) -> Response:
        """Answer the last turn of a chat."""
        return await answer(request, asked, chat(asked, backend.choice(asked.model)))

    @routes.get("/v1/models")
    async def models() -> Response:
        """List the models of the pool."""
        return JSONResponse(model_list(backend.models(), int(clock())))

    @routes.get("/v1/models/{name:path}")
    async def model(name: str) -> Response:
        """Return one model of the pool."""
        for each in backend.models():
            if each.name == name:
                return JSONResponse(_model(each, int(clock())))
        raise UnknownModelError("there is no such model in the pool")

    return routes


def _complete_request(
    asked: _Asked, choice: dict[str, str], kind: dict[str, Any], limit: int | None
) -> CompleteRequest:
    given = {
        "max_tokens": max_tokens(limit),
        "temperature": temperature(asked.temperature),
        "stop": stops(asked.stop),
        "stream": bool(asked.stream),
    }
    return as_request({**choice, **kind, **given})


def _role(turn: ChatMessage) -> str:
    return "system" if turn.role == "developer" else turn.role


def _content(turn: ChatMessage) -> str:
    if isinstance(turn.content, str):
        return turn.content
    return "".join(part.text for part in turn.content)


def _envelope(
    kind: str,
    model: str,
    created_s: int,
    choice: dict[str, object] | None,
    finish_reason: str | None,
) -> dict[str, object]:
    choices = [] if choice is None else [choice | {"finish_reason": finish_reason}]
    return {
        "id": _new_id(is_chat=kind.startswith("chat")),
        "object": kind,
        "created": created_s,
        "model": model,
        "choices": choices,
    }


def _delta(text: str | None, role: str | None, is_chat: bool) -> dict[str, object]:
    if not is_chat:
        return {"index": 0, "text": text or "", "logprobs": None}
    delta = {"role": role, "content": text}
    return {"index": 0, "delta": {name: each for name, each in delta.items() if each is not None}}


def _new_id(*, is_chat: bool) -> str:
    return f"{'chatcmpl' if is_chat else 'cmpl'}-{secrets.token_hex(12)}"


def _model(model: ServedModel, created_s: int) -> dict[str, object]:
    return {
        "id": model.name,
        "object": "model",
        "created": created_s,
        "owned_by": "cerebrum",
        "nodes": list(model.nodes),
        "loaded_on": list(model.loaded_on),
    }


def _sse(data: dict[str, object]) -> bytes:
    return f"data: {json.dumps(data)}\n\n".encode()


def _error_response(error: CerebrumError) -> Response:
    return JSONResponse(error_body(error), error.status, retry_after(error))


STREAM = Format(MEDIA_TYPE, _error_response, lambda error: _sse(error_body(error)))

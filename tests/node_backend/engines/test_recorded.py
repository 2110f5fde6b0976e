"""The recordings, and what we ask, held against the types of the official clients."""

import json
from collections.abc import Sequence
from typing import Any, get_type_hints

import ollama
import pytest
from ollama._types import ChatRequest, GenerateRequest
from openai.types import Completion, Model
from openai.types.chat import ChatCompletionChunk
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsStreaming as ChatParams,
)
from openai.types.completion_create_params import CompletionCreateParamsStreaming as Params
from pydantic import BaseModel

from node_backend.engines.base import ChatPrompt, InfillPrompt, RawPrompt
from tests.node_backend.engines import recorded
from tests.node_backend.engines.replay import Reply
from tests.node_backend.engines.subjects import hosted, order, run

ORDERS = [
    order(RawPrompt("x"), stop=("\n",)),
    order(InfillPrompt("x", "y")),
    order(ChatPrompt((("user", "x"),)), continue_from="y"),
]


def objects(reply: Reply) -> list[Any]:
    """Return what a reply's lines hold."""
    lines = "".join(reply.pieces).splitlines()
    texts = [line.removeprefix("data: ") for line in lines if line]
    return [json.loads(text) for text in texts if text != "[DONE]"]


@pytest.mark.parametrize(
    ("kind", "recordings"),
    [
        (ollama.GenerateResponse, recorded.OLLAMA_STREAM),
        (ollama.GenerateResponse, objects(recorded.OLLAMA_LOADED)),
        (ollama.ChatResponse, objects(recorded.ollama_chat("a"))[:-1]),
        (ollama.ListResponse, [recorded.OLLAMA_TAGS]),
        (ollama.ProcessResponse, [recorded.OLLAMA_PS]),
        (ollama.ShowResponse, [recorded.OLLAMA_SHOWN, recorded.OLLAMA_SHOWN_CHAT]),
        (Completion, [recorded.chunk("a", "stop"), *objects(recorded.HEEDED)]),
        (ChatCompletionChunk, objects(recorded.openai_chat("a"))),
        (Model, recorded.OPENAI_MODELS["data"]),
    ],
)
def test_recordings_are_what_the_official_clients_expect(
    kind: type[BaseModel], recordings: Sequence[object]
) -> None:
    for each in recordings:
        kind.model_validate(each)


async def test_what_ollama_is_asked_is_what_its_client_could_ask() -> None:
    async with hosted("ollama") as served:
        for each in ORDERS:
            await run(served.engine, each)
        kinds: dict[str, type[BaseModel]] = {
            "/api/generate": GenerateRequest,
            "/api/chat": ChatRequest,
        }
        for path, kind in kinds.items():
            for body in served.server.bodies(path):
                kind.model_validate(body)
                assert set(body) <= set(kind.model_fields)
                assert set(body["options"]) <= set(ollama.Options.model_fields)


async def test_what_a_server_is_asked_is_what_openais_client_could_ask() -> None:
    async with hosted("openai") as served:
        for each in ORDERS:
            await run(served.engine, each)
        kinds = {"/v1/completions": Params, "/v1/chat/completions": ChatParams}
        for path, kind in kinds.items():
            for body in served.server.bodies(path):
                assert set(body) <= set(get_type_hints(kind))

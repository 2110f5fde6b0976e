"""What it means when an OpenAI-compatible server refuses."""

from collections.abc import Mapping
from typing import Any

import httpx

from cerebrum_kit.errors import CerebrumError
from node_backend.errors import (
    BusyError,
    EngineFailedError,
    ModelFailedError,
    PromptTooLongError,
)

BUSY_RETRY_AFTER_S = 2.0  # a completion's typical length, for servers that say nothing
TOO_LONG_CODES = ("context_length_exceeded", "exceed_context_size_error")


def refusal(answer: httpx.Response, model: str) -> CerebrumError:
    """Return what an answer means whose status is not 200.

    Only the error's code is repeated: some servers quote the request in their messages.
    """
    code = code_of(_parsed(answer))
    match answer.status_code:
        case httpx.codes.UNAUTHORIZED | httpx.codes.FORBIDDEN:
            return ModelFailedError("the server refuses the key in CEREBRUM_NODE_ENGINE_KEY")
        case httpx.codes.NOT_FOUND:
            return ModelFailedError(f"the server has no model {model}")
        case httpx.codes.SERVICE_UNAVAILABLE | httpx.codes.TOO_MANY_REQUESTS:
            return BusyError(f"the server is busy: {code}", retry_after_s=_retry_after_s(answer))
        case _ if code in TOO_LONG_CODES:
            return PromptTooLongError("the prompt is longer than the model's context")
        case status:
            return EngineFailedError(f"the server refused with status {status}: {code}")


def code_of(body: Mapping[str, Any]) -> str:
    """Return an error's code, or its type where that is a number; both are words for programs."""
    error = body.get("error")
    if not isinstance(error, Mapping):
        error = body  # vLLM's form
    code, kind = error.get("code"), error.get("type")
    word = code if isinstance(code, str) else kind
    return word if isinstance(word, str) else "no reason given"


def _parsed(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        return dict(answer.json())
    except (ValueError, TypeError):
        return {}


def _retry_after_s(answer: httpx.Response) -> float:
    try:
        return max(0.0, float(answer.headers["Retry-After"]))
    except (KeyError, ValueError):
        return BUSY_RETRY_AFTER_S

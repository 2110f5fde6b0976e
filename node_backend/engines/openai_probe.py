"""Finds out how an OpenAI-compatible server serves a model: its context, suffixes, chats."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx

from node_backend.core.chat import by_name
from node_backend.core.fim_families import family_named
from node_backend.engines.hosted_session import answer_json
from node_backend.engines.openai_body import Completions, Facts
from node_backend.engines.openai_refusal import refusal
from node_backend.errors import ModelFailedError, RefusedError

LOADING_POLL_S = 1.0
PROBE_PROMPT = "total = 0"
PROBE_SUFFIX = "\n" + "    total = total + 1\n" * 8
PROBE_SUFFIX_TOKENS = 24  # fewer than any tokeniser makes of it, and more than of a bare prompt
LLAMA_CPP = "llamacpp"  # what its server calls the owner of each model
NO_SUCH_ENDPOINT = (404, 405, 501)


async def find_facts(http: httpx.AsyncClient, model: str, context_tokens: int) -> Facts:
    """Return what there is to know; waits while the server loads the model.

    Raises what `refusal` returns, and what `Session.read` does.
    """
    entry = await _entry(http, model)
    told: int | None = entry.get("max_model_len") or (entry.get("meta") or {}).get("n_ctx")
    completions = await _completions(http, model)
    return Facts(
        model=model,
        context_tokens=min(context_tokens, told or context_tokens),
        family=family_named(model),
        completions=completions,
        has_chat=await _has_chat(http, model, entry, completions),
    )


async def _has_chat(
    http: httpx.AsyncClient, model: str, entry: Mapping[str, Any], completions: Completions
) -> bool | None:
    """Return whether the model follows a chat: by its name, or else by trying one out.

    A server that has nothing but chats has models for them; one that refuses a chat has no template
    for the model. That it answers says nothing of a model that can fill in and so may be a base
    model with its sibling's template, nor of any on llama.cpp's, which has a template for all.
    """
    named = by_name(model)
    if named is not None:
        return named
    if completions == "none":
        return True
    if entry.get("owned_by") == LLAMA_CPP:
        return None
    body = {"messages": [{"role": "user", "content": PROBE_PROMPT}]}
    answer = await _post(http, model, body, "chat/completions")
    if answer.status_code == httpx.codes.OK:
        return None if family_named(model) else True
    return False if answer.status_code in (httpx.codes.BAD_REQUEST, *NO_SUCH_ENDPOINT) else None


async def _completions(http: httpx.AsyncClient, model: str) -> Completions:
    """Try out `/completions` with a suffix; whether it is heeded shows in the prompt's length."""
    answer = await _post(http, model, {"prompt": PROBE_PROMPT, "suffix": PROBE_SUFFIX})
    if answer.status_code == httpx.codes.OK:
        counted = ((await answer_json(answer)).get("usage") or {}).get("prompt_tokens")
        if counted is None:
            return "plain" if family_named(model) else "suffix"
        return "suffix" if counted >= PROBE_SUFFIX_TOKENS else "plain"
    if answer.status_code in NO_SUCH_ENDPOINT:
        return "none"
    answer = await _post(http, model, {"prompt": PROBE_PROMPT})
    return "plain" if answer.status_code == httpx.codes.OK else "none"


async def _entry(http: httpx.AsyncClient, model: str) -> Mapping[str, Any]:
    """Return what `/models` says of the model. A server without such a list may well have it."""
    while True:
        answer = await http.get("models")
        if answer.status_code in NO_SUCH_ENDPOINT:
            return {}
        if answer.status_code == httpx.codes.OK:
            break
        error = refusal(answer, model)
        if not isinstance(error, RefusedError):
            raise error
        await asyncio.sleep(LOADING_POLL_S)
    for each in (await answer_json(answer))["data"]:
        if each["id"] == model:
            found: Mapping[str, Any] = each
            return found
    raise ModelFailedError(f"the server has no model {model}")


async def _post(
    http: httpx.AsyncClient, model: str, asked: Mapping[str, object], path: str = "completions"
) -> httpx.Response:
    """Ask for one token, again while the server is busy; return what it says to it."""
    body = {"model": model, "max_tokens": 1, "temperature": 0, **asked}
    while True:
        answer = await http.post(path, json=body)
        if answer.status_code == httpx.codes.OK:
            return answer
        error = refusal(answer, model)
        if not isinstance(error, RefusedError):
            return answer
        await asyncio.sleep(error.retry_after_s or LOADING_POLL_S)

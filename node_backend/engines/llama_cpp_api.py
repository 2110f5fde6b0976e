"""llama.cpp's server over HTTP: its requests and answers, as values.

The protocol is described in the README of llama.cpp's `tools/server`.
"""

import json
import ssl
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import httpx
from httpx_sse import EventSource, SSEError

from node_backend.engines.base import (
    EngineEvent,
    Finished,
    Order,
    Piece,
    PrefillProgress,
    SlotState,
)
from node_backend.errors import EngineFailedError

CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 30.0  # for what needs no computing, but waits for the step that is running
SLOTS_TIMEOUT_S = 2.0  # statistics are not worth more

FINAL_FIELDS = ("content", "stop", "stop_type", "tokens_predicted", "timings")
"""What the last event brings; without the choice it would repeat the whole prompt."""


class LlamaCppApi:
    """One engine process's HTTP interface, for as long as that process lives."""

    def __init__(self, base_url: str, api_key: str, stall_timeout_s: float) -> None:
        self._stall_timeout_s = stall_timeout_s
        self._http = httpx.AsyncClient(
            base_url=base_url,
            headers={"Authorization": f"Bearer {api_key}"},
            timeout=httpx.Timeout(ANSWER_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            # An idle connection occupies one of the server's few threads, and may be closed by it
            # just when it is used again. A new one on loopback costs a fifth of a millisecond.
            limits=httpx.Limits(max_keepalive_connections=0),
            trust_env=False,
            # Loopback has no certificates: to read those of the system's authorities would hold up
            # everything else for 50 ms at each start of an engine, and leave megabytes behind.
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def is_healthy(self) -> bool:
        """Whether the model is loaded. Raises httpx.TransportError."""
        return (await self._http.get("/health")).status_code == httpx.codes.OK

    async def props(self) -> dict[str, Any]:
        """Return the server's properties: context per slot, number of slots, chat template."""
        return await self._json("GET", "/props")

    async def slots(self) -> list[SlotState]:
        """Return the state of the slots, as the engine itself sees it."""
        answer = await self._http.get("/slots", timeout=SLOTS_TIMEOUT_S)
        answer.raise_for_status()
        return [SlotState(slot["id"], slot["is_processing"]) for slot in answer.json()]

    async def tokenize(
        self, content: str | Sequence[int | str], *, parse_special: bool, add_special: bool = False
    ) -> list[int]:
        """Return the tokens of `content`; ids in it stand for themselves."""
        body = {"content": content, "parse_special": parse_special, "add_special": add_special}
        tokens: list[int] = (await self._json("POST", "/tokenize", body))["tokens"]
        return tokens

    async def apply_template(self, turns: Sequence[tuple[str, str]]) -> str:
        """Return the chat as the model's own template writes it."""
        messages = [{"role": role, "content": content} for role, content in turns]
        text: str = (await self._json("POST", "/apply-template", {"messages": messages}))["prompt"]
        return text

    async def complete(
        self, tokens: Sequence[int], order: Order, max_tokens: int
    ) -> AsyncGenerator[EngineEvent, None]:
        """Generate after `tokens`; the last event is `Finished`. Closing it frees the slot."""
        body = completion_body(tokens, order, max_tokens)
        timeout = httpx.Timeout(self._stall_timeout_s, connect=CONNECT_TIMEOUT_S)
        async with self._http.stream("POST", "/completion", json=body, timeout=timeout) as answer:
            if answer.status_code != httpx.codes.OK:
                await answer.aread()
                raise EngineFailedError(_refusal(answer))
            try:
                async with aclosing(EventSource(answer).aiter_sse()) as events:
                    async for event in events:
                        for result in parse_event(event.data):
                            yield result
                            if isinstance(result, Finished):
                                return
            except (SSEError, ValueError, LookupError) as error:
                raise EngineFailedError("the engine's answer can't be understood") from error
        raise EngineFailedError("the engine ended its answer too early")

    async def _json(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        answer = await self._http.request(method, path, json=body)
        if answer.status_code != httpx.codes.OK:
            raise EngineFailedError(_refusal(answer))
        parsed: dict[str, Any] = answer.json()
        return parsed


def completion_body(tokens: Sequence[int], order: Order, max_tokens: int) -> dict[str, object]:
    """Return the body of `/completion`.

    Progress is asked for even where nobody looks at it: only when it has something to send does
    the server notice that its client has gone.
    """
    return {
        "prompt": list(tokens),
        "n_predict": 0 if order.only_reads else max_tokens,
        "temperature": order.temperature,
        "stop": list(order.stop),
        "stream": True,
        "return_progress": True,
        "cache_prompt": True,
        "id_slot": order.slot,
        "response_fields": FINAL_FIELDS,
    }


def parse_event(text: str) -> list[EngineEvent]:
    """Return what one event of `/completion` says.

    Raises EngineFailedError when it says an error; ValueError or LookupError when it says nonsense.
    """
    event = json.loads(text)
    if "error" in event:
        raise EngineFailedError(f"the engine refused: {event['error'].get('message')}")
    if progress := event.get("prompt_progress"):
        cached = progress.get("cache", 0)
        return [PrefillProgress(progress["processed"], progress["total"], cached)]
    results: list[EngineEvent] = []
    if event["content"]:
        results.append(Piece(event["content"], event["tokens_predicted"]))
    if event["stop"]:
        results.append(_finished(event))
    return results


def _finished(event: dict[str, Any]) -> Finished:
    timings = event["timings"]
    return Finished(
        reason="length" if event["stop_type"] == "limit" else "stop",
        prompt_tokens=timings["cache_n"] + timings["prompt_n"],
        cached_tokens=timings["cache_n"],
        completion_tokens=timings["predicted_n"],
        prefill_ms=timings["prompt_ms"],
        decode_ms=timings["predicted_ms"],
    )


def _refusal(answer: httpx.Response) -> str:
    """Say what the engine said, without a prompt in it: its messages carry none."""
    try:
        message = answer.json()["error"]["message"]
    except (ValueError, LookupError, TypeError):
        message = "no reason given"
    return f"the engine refused with status {answer.status_code}: {message}"

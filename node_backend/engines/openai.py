"""Any server that speaks OpenAI's protocol, as an engine: vLLM, llama.cpp's, LM Studio's, hosted.

The protocol is OpenAI's API reference, "Completions" and "Chat completions" with streaming. What
servers do with `suffix` differs: some fill in, vLLM refuses it ("suffix is not currently
supported"), llama.cpp's server reads over it. So it is tried out, once for each connection.
"""

import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from cerebrum_kit.errors import CerebrumError
from node_backend.engines.base import EngineEvent, Finished, Order, Piece
from node_backend.engines.hosted_session import Connect, Exchange, HostedModel
from node_backend.engines.openai_body import Facts, exchange_of
from node_backend.engines.openai_probe import find_facts
from node_backend.engines.openai_refusal import code_of, refusal
from node_backend.errors import EngineFailedError


def connect_to(
    model: str, context_tokens: int, clock: Callable[[], float] = time.monotonic
) -> Connect:
    """Return what finds out how a server serves `model`."""

    async def connect(http: httpx.AsyncClient) -> OpenAISession:
        return OpenAISession(await find_facts(http, model, context_tokens), clock)

    return connect


class OpenAISession:
    """A model of a server that has been tried out."""

    def __init__(self, facts: Facts, clock: Callable[[], float]) -> None:
        self._facts = facts
        self._clock = clock
        self.context_tokens = facts.context_tokens
        self.has_fim = facts.has_fim
        self.has_chat = facts.has_chat

    def exchange(self, order: Order) -> Exchange:
        """Return what to send; see `Session.exchange`."""
        return exchange_of(self._facts, order)

    async def read(self, lines: AsyncIterator[str]) -> AsyncGenerator[EngineEvent, None]:
        """Read a stream of server-sent events; see `Session.read`."""
        ending = _Ending(self._clock())
        async for line in lines:
            name, _, data = line.partition(":")
            if name != "data":
                continue
            if data.strip() == "[DONE]":
                break
            each = json.loads(data)
            if "error" in each:
                raise EngineFailedError(f"the server failed: {code_of(each)}")
            if text := ending.take(each, self._clock()):
                yield Piece(text, ending.tokens)
        if ending.reason is None:
            raise EngineFailedError("the server ended its answer too early")
        yield ending.finished(self._clock())

    def refusal(self, answer: httpx.Response) -> CerebrumError:
        """Return what an answer means whose status is not 200."""
        return refusal(answer, self._facts.model)

    async def close(self) -> None:
        """Do nothing: what such a server has loaded is its owner's decision."""


@dataclass
class _Ending:
    """What a stream has told so far that belongs to its end."""

    begun: float
    first: float | None = None
    tokens: int = 0
    reason: str | None = None
    usage: Mapping[str, Any] | None = None
    timings: Mapping[str, Any] | None = None

    def take(self, chunk: Mapping[str, Any], now: float) -> str:
        """Take note of a chunk; return its text."""
        self.usage = chunk.get("usage") or self.usage
        self.timings = chunk.get("timings") or self.timings
        text = ""
        for choice in chunk["choices"]:
            self.reason = choice.get("finish_reason") or self.reason
            text += (choice["delta"].get("content") if "delta" in choice else choice["text"]) or ""
        if text:
            self.first = now if self.first is None else self.first
            self.tokens += 1
        return text

    def finished(self, now: float) -> Finished:
        """Return the figures: the server's own, or else what the clock and the chunks tell."""
        usage, timings = self.usage or {}, self.timings or {}
        first = now if self.first is None else self.first
        details = usage.get("prompt_tokens_details") or {}
        return Finished(
            reason="length" if self.reason == "length" else "stop",
            prompt_tokens=usage.get("prompt_tokens", 0),
            cached_tokens=timings.get("cache_n") or details.get("cached_tokens") or 0,
            completion_tokens=usage.get("completion_tokens", self.tokens),
            prefill_ms=timings.get("prompt_ms", (first - self.begun) * 1000),
            decode_ms=timings.get("predicted_ms", (now - first) * 1000),
        )


def models_in(listed: Mapping[str, Any]) -> list[HostedModel]:
    """Return what `/models` lists. It tells no sizes, and loading is not ours there."""
    return [HostedModel(each["id"]) for each in listed["data"]]

"""Ollama as an engine.

The protocol is described in `docs/api.md` of the ollama project, and what is not said there in its
`server/routes.go`: a suffix needs a template that knows one, an empty prompt only loads the model,
errors within a stream are lines of their own.
"""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from cerebrum_kit.errors import CerebrumError
from node_backend.core.chat import by_ollama
from node_backend.core.fim_families import FimFamily, family_in, family_named
from node_backend.engines.base import EngineEvent, Finished, Order, Piece
from node_backend.engines.hosted_session import Connect, Exchange, HostedModel, answer_json
from node_backend.engines.ollama_body import Facts, body_of
from node_backend.errors import BusyError, EngineFailedError, ModelFailedError

BUSY_RETRY_AFTER_S = 2.0  # a completion's typical length
MAX_REASON_CHARS = 200
NS_PER_MS = 1_000_000


@dataclass(frozen=True)
class Runner:
    """What a model is loaded with. A request that differs would make Ollama load it anew."""

    context_tokens: int
    keep_alive_s: float
    threads: int | None = None

    @property
    def options(self) -> dict[str, object]:
        """The options that are the same in every request."""
        threads = {} if self.threads is None else {"num_thread": self.threads}
        return {"num_ctx": self.context_tokens, **threads}


def connect_to(model: str, runner: Runner) -> Connect:
    """Return what has Ollama load `model`."""

    async def connect(http: httpx.AsyncClient) -> OllamaSession:
        shown = await _post(http, model, "/api/show", {"model": model})
        session = OllamaSession(http, facts_of(model, shown, runner), runner)
        await _post(http, model, "/api/generate", session.load_body())
        return session

    return connect


class OllamaSession:
    """A model that Ollama has loaded for us."""

    def __init__(self, http: httpx.AsyncClient, facts: Facts, runner: Runner) -> None:
        self._http = http
        self._facts = facts
        self._runner = runner
        self.context_tokens = facts.context_tokens
        self.has_fim = facts.can_insert or facts.family is not None
        self.has_chat = facts.has_chat

    def load_body(self) -> dict[str, object]:
        """Return a request that only loads the model."""
        return {**self._common(), "options": self._runner.options}

    def exchange(self, order: Order) -> Exchange:
        """Return what to send; see `Session.exchange`."""
        asked = body_of(self._facts, order)
        options = {
            **self._runner.options,
            "num_predict": order.max_tokens,
            "temperature": order.temperature,
            "stop": [] if asked.is_instruct else list(order.stop),
        }
        body = {**self._common(), **asked.body, "stream": True, "options": options}
        return Exchange(asked.path, body, asked.is_instruct)

    async def read(self, lines: AsyncIterator[str]) -> AsyncGenerator[EngineEvent, None]:
        """Read a stream of objects, one a line; see `Session.read`."""
        tokens = 0
        async for line in lines:
            if not line.strip():
                continue
            each = json.loads(line)
            if "error" in each:
                raise EngineFailedError(f"Ollama failed: {_short(each['error'])}")
            text: str = (each.get("message") or {}).get("content") or each.get("response") or ""
            tokens += not each["done"]
            if text:
                yield Piece(text, tokens)
            if each["done"]:
                yield finished(each, tokens)
                return
        raise EngineFailedError("Ollama ended its answer too early")

    def refusal(self, answer: httpx.Response) -> CerebrumError:
        """Return what an answer means whose status is not 200."""
        return refusal(answer, self._facts.model)

    async def close(self) -> None:
        """Have Ollama unload the model as soon as nobody uses it."""
        body = {"model": self._facts.model, "keep_alive": 0}
        await self._http.post("/api/generate", json=body)

    def _common(self) -> dict[str, object]:
        keep_alive = f"{self._runner.keep_alive_s:.0f}s"
        return {"model": self._facts.model, "keep_alive": keep_alive, "stream": False}


def facts_of(model: str, shown: Mapping[str, Any], runner: Runner) -> Facts:
    """Return what `/api/show` tells of a model. Versions before 0.6.4 list no capabilities."""
    template = str(shown.get("template") or "")
    capabilities = shown.get("capabilities") or []
    about = shown.get("model_info") or {}
    trained_tokens = about.get(f"{about.get('general.architecture')}.context_length")
    return Facts(
        model=model,
        context_tokens=min(runner.context_tokens, trained_tokens or runner.context_tokens),
        family=_family(model, template),
        can_insert="insert" in capabilities or ".Suffix" in template,
        can_think="thinking" in capabilities,
        has_chat=has_chat(model, shown),
    )


def has_chat(model: str, shown: Mapping[str, Any]) -> bool | None:
    """Return whether a model follows a chat, by its name and by what `/api/show` tells of it."""
    finetune = str((shown.get("model_info") or {}).get("general.finetune") or "")
    template = str(shown.get("template") or "")
    return by_ollama(template, shown.get("capabilities") or [], model, finetune)


def _family(model: str, template: str) -> FimFamily | None:
    return family_named(model) or family_in(template)


def finished(last: Mapping[str, Any], tokens: int) -> Finished:
    """Return the figures of a stream's last object; durations are in nanoseconds."""
    return Finished(
        reason="length" if last.get("done_reason") == "length" else "stop",
        prompt_tokens=last.get("prompt_eval_count", 0),
        cached_tokens=0,  # it does not say
        completion_tokens=last.get("eval_count", tokens),
        prefill_ms=last.get("prompt_eval_duration", 0) / NS_PER_MS,
        decode_ms=last.get("eval_duration", 0) / NS_PER_MS,
        load_ms=last.get("load_duration", 0) / NS_PER_MS,
    )


def refusal(answer: httpx.Response, model: str) -> CerebrumError:
    """Return what an answer of Ollama's means whose status is not 200."""
    try:
        reason = _short(answer.json()["error"])
    except (ValueError, LookupError, TypeError):
        reason = "no reason given"
    match answer.status_code:
        case httpx.codes.NOT_FOUND:
            return ModelFailedError(f"Ollama has no model {model}: `ollama pull {model}` gets it")
        case httpx.codes.SERVICE_UNAVAILABLE | httpx.codes.TOO_MANY_REQUESTS:
            return BusyError(f"Ollama is busy: {reason}", retry_after_s=BUSY_RETRY_AFTER_S)
        case httpx.codes.UNAUTHORIZED | httpx.codes.FORBIDDEN:
            return ModelFailedError("Ollama refuses the key in CEREBRUM_NODE_ENGINE_KEY")
        case status:
            return EngineFailedError(f"Ollama refused with status {status}: {reason}")


def models_in(tags: Mapping[str, Any], running: Mapping[str, Any]) -> list[HostedModel]:
    """Return what `/api/tags` lists, with what `/api/ps` says is loaded.

    Raises what `Session.read` does, when they say nonsense.
    """
    loaded = {each["name"] for each in running["models"]}
    return [
        HostedModel(
            each["name"],
            each.get("size", 0),
            is_loaded=each["name"] in loaded,
            digest=each.get("digest", ""),
        )
        for each in tags["models"]
    ]


async def _post(
    http: httpx.AsyncClient, model: str, path: str, body: Mapping[str, object]
) -> dict[str, Any]:
    answer = await http.post(path, json=body)
    if answer.status_code != httpx.codes.OK:
        raise refusal(answer, model)
    return await answer_json(answer)


def _short(reason: object) -> str:
    return " ".join(str(reason).split())[:MAX_REASON_CHARS]

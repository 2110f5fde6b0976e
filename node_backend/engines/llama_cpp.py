"""llama.cpp as an engine: a supervised child process, spoken to over loopback HTTP."""

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from cerebrum_kit.child import Child, ChildFailedError, ChildSpec
from cerebrum_kit.supervisor import Supervisor
from node_backend.cards import Cards, Reading
from node_backend.engines import llama_cpp_host
from node_backend.engines.answers import only_code
from node_backend.engines.base import (
    EngineEvent,
    EngineState,
    EngineStatus,
    Finished,
    Order,
    SlotState,
)
from node_backend.engines.llama_cpp_api import LlamaCppApi
from node_backend.engines.llama_cpp_facts import ModelFacts, learn_facts
from node_backend.engines.llama_cpp_host import KEY_ENV, SETTINGS_ENV
from node_backend.engines.llama_cpp_prompt import TokenPrompt, build_prompt
from node_backend.engines.llama_cpp_settings import EngineSettings
from node_backend.errors import EngineFailedError, ModelFailedError

LOADING_ERROR = "error loading model: "  # what llama.cpp writes before the reason
HEALTH_POLL_S = 0.05
Objection = Callable[[EngineSettings, Reading], str | None]
NOTICE_END_S = 2.0  # how long a broken connection may be ahead of the news that its process ended


@dataclass(frozen=True)
class _Life:
    """What belongs to one run of the engine's process, and ends with it."""

    api: LlamaCppApi
    facts: ModelFacts


class LlamaCppEngine:
    """One model in one child process, restarted with backoff whenever that ends."""

    name = "llama.cpp"

    def __init__(
        self,
        settings: EngineSettings,
        *,
        load_timeout_s: float,
        stall_timeout_s: float,
        objection: Objection = lambda *_: None,
        model_name: str = "",
        cards: Cards | None = None,
    ) -> None:
        """`objection` says why the model must not be started now, or None; asked at each start.

        `model_name` is what the model is called, where its file is not named after it. `cards`
        are those of others who read the same files.
        """
        self._objection = objection
        self._model_name = model_name
        self._settings = settings
        self._path = Path(settings.model_path)
        self._cards = cards or Cards()
        self._load_timeout_s = load_timeout_s
        self._stall_timeout_s = stall_timeout_s
        self._api_key = secrets.token_urlsafe(24)
        self._supervisor = Supervisor(self._spec)
        self._life: _Life | None = None

    @property
    def status(self) -> EngineStatus:
        """What is known of the engine right now."""
        supervisor = self._supervisor
        state = _state(supervisor)
        facts = self._life.facts if self._life and state == "ready" else None
        return EngineStatus(
            state=state,
            pid=supervisor.child.pid if supervisor.child else None,
            restarts_total=supervisor.restarts_total,
            failure=self._reason(supervisor.error) if supervisor.error else None,
            context_tokens=facts.context_tokens if facts else None,
            has_fim=facts.fim is not None if facts else None,
            can_pre_evaluate=facts is not None,
        )

    async def load(self) -> None:
        """Start the process and await the loaded model. Raises ModelFailedError."""
        if self._supervisor.state != "running":  # each request comes by, and a thread takes time
            await asyncio.to_thread(self._cards.of, self._path)  # so that no start has to read it
        await self._ready()

    async def unload(self) -> None:
        """End the process: everything it held goes back to the system."""
        await self._supervisor.stop()
        await self._end_life()

    async def slots(self) -> list[SlotState]:
        """Ask the engine for its slots."""
        if self._life is None or self._supervisor.state != "running":
            return []
        try:
            return await self._life.api.slots()
        except (httpx.HTTPError, ValueError, LookupError):
            return []

    async def generate(self, order: Order) -> AsyncGenerator[EngineEvent, None]:
        """Generate; see `Engine.generate`."""
        child, life, prompt = await self._prepare(order)
        try:
            events = _answer(life.api, order, prompt)
            async with aclosing(events):
                async for event in events:
                    if isinstance(event, Finished):
                        self._supervisor.note_served()
                    yield event
        except httpx.HTTPError as error:
            raise await self._failure(child, error) from error

    async def _prepare(self, order: Order) -> tuple[Child, _Life, TokenPrompt]:
        """Build the prompt, a second time if the process had just died: nothing is lost by then."""
        for is_last_try in (False, True):
            child, life = await self._ready()
            try:
                return child, life, await build_prompt(life.api, life.facts, order)
            except httpx.HTTPError as error:
                failure = await self._failure(child, error)
                if is_last_try or child.is_running:
                    raise failure from error
        raise AssertionError("the last try returns or raises")

    async def _ready(self) -> tuple[Child, _Life]:
        try:
            child = await self._supervisor.ensure()
        except ChildFailedError as error:
            raise ModelFailedError(
                self._reason(error), retry_after_s=error.retry_after_s
            ) from error
        assert self._life is not None  # noqa: S101 - a child is ready only when its life stands
        return child, self._life

    async def _failure(self, child: Child, error: httpx.HTTPError) -> EngineFailedError:
        """Return what to tell the caller, once the supervisor knows it too."""
        if isinstance(error, httpx.TimeoutException):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)
        await _noticed_end(child)
        return EngineFailedError(f"the engine failed ({type(error).__name__}); it is restarting")

    def _reason(self, error: ChildFailedError) -> str:
        """Return llama.cpp's own reason for not loading a model, or else what is known of the end.

        Without the path: health is open to all.
        """
        words = error.details.get("last_words") if error.details else None
        for line in words if isinstance(words, list) else []:
            _, found, reason = str(line).partition(LOADING_ERROR)
            if found:
                named = reason.replace(self._settings.model_path, self._path.name)
                return f"the model can't be loaded: {named}"
        return error.message

    def _spec(self) -> ChildSpec:
        if not self._path.is_file():
            raise ChildFailedError(f"there is no model file {self._path.name}")
        if reason := self._objection(self._settings, self._cards.of(self._path)):
            raise ChildFailedError(reason)
        settings = replace(self._settings, port=_free_port() if self._settings.binary else 0)
        return ChildSpec(
            name="llama.cpp",
            argv=[sys.executable, "-m", llama_cpp_host.__name__],
            env={SETTINGS_ENV: settings.to_json(), KEY_ENV: self._api_key},
            ready_timeout_s=self._load_timeout_s,
            until_ready=self._begin_life,
        )

    async def _begin_life(self, announced: Mapping[str, object]) -> None:
        await self._end_life()
        url = f"http://127.0.0.1:{announced['port']}"
        api = LlamaCppApi(url, self._api_key, self._stall_timeout_s)
        try:
            await _healthy(api)
            self._life = _Life(api, await self._learn(api))
        except (httpx.HTTPError, EngineFailedError, LookupError, ValueError) as error:
            raise ChildFailedError(f"the engine does not answer as expected: {error}") from error
        finally:
            if self._life is None:
                await api.close()

    async def _learn(self, api: LlamaCppApi) -> ModelFacts:
        reading = self._cards.of(self._path)
        return await learn_facts(
            api,
            name=f"{self._model_name} {self._path.stem} {reading.title}",
            suffix_first=self._settings.suffix_first,
            has_chat=reading.has_chat_template,
        )

    async def _end_life(self) -> None:
        life, self._life = self._life, None
        if life is not None:
            await life.api.close()


def _answer(
    api: LlamaCppApi, order: Order, prompt: TokenPrompt
) -> AsyncGenerator[EngineEvent, None]:
    """Return what the engine generates; of a chat that was asked for code, only the code."""
    if order.only_reads or not prompt.is_instruct:
        return api.complete(prompt.tokens, order, prompt.max_tokens)
    unstopped = replace(order, stop=())
    return only_code(api.complete(prompt.tokens, unstopped, prompt.max_tokens), order)


def _state(supervisor: Supervisor) -> EngineState:
    match supervisor.state:
        case "stopped":
            return "stopped"
        case "running":
            return "ready"
        case _ if supervisor.failure is None:
            return "loading"
        case _:  # even while the next try runs: there is no reason yet to hope
            return "failed"


async def _noticed_end(child: Child) -> None:
    """Wait until the end of a process that no longer answers is known here, if it has ended."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(child.wait(), NOTICE_END_S)


async def _healthy(api: LlamaCppApi) -> None:
    """Return when the model is loaded; the caller bounds the wait and watches the process."""
    while True:
        with contextlib.suppress(httpx.TransportError):
            if await api.is_healthy():
                return
        await asyncio.sleep(HEALTH_POLL_S)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

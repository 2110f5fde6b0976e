"""The engines under contract, each with a server behind it that is real or replays recordings."""

import contextlib
import os
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import httpx

from cerebrum_kit.child import Child, ChildSpec
from node_backend.config import Settings
from node_backend.engines import llama_cpp_host
from node_backend.engines.base import Engine, EngineEvent, Finished, Order, Piece, Prompt
from node_backend.engines.llama_cpp_host import KEY_ENV, SETTINGS_ENV
from node_backend.engines.llama_cpp_settings import EngineSettings
from node_backend.hosted_models import hosted_catalog, ollama_url
from node_backend.models import Model
from node_backend.service import engine_for
from tests.node_backend.engines import recorded
from tests.node_backend.engines.replay import Replay, Reply, events, lines, replaying, whole

REAL_OLLAMA_TIMEOUT_S = 1.0

OLLAMA: dict[str, list[Reply]] = {
    "/api/show": [whole(recorded.OLLAMA_SHOWN)],
    "/api/generate unstreamed": [recorded.OLLAMA_LOADED],
    "/api/generate": [lines(*recorded.OLLAMA_STREAM)],
    "/api/chat": [recorded.ollama_chat("The", " sky")],
    "/api/tags": [whole(recorded.OLLAMA_TAGS)],
    "/api/ps": [whole(recorded.OLLAMA_PS)],
}
OPENAI: dict[str, list[Reply]] = {
    "/v1/models": [whole(recorded.OPENAI_MODELS)],
    "/v1/completions unstreamed": [recorded.HEEDED],
    "/v1/completions": [events(*recorded.OPENAI_STREAM)],
    "/v1/chat/completions": [recorded.openai_chat("This", " is")],
}
MODELS = {"ollama": "codellama:13b", "openai": "Qwen/Qwen2.5-Coder-7B"}
COMPLETES = {"ollama": "/api/generate", "openai": "/v1/completions"}


@dataclass(frozen=True)
class Hosted:
    """An engine in front of a replaying server."""

    kind: str
    engine: Engine
    server: Replay
    settings: Settings

    def last(self, path: str) -> dict[str, object]:
        """Return the body of the latest request to a path."""
        body: dict[str, object] = self.server.bodies(path)[-1]
        return body


@contextlib.asynccontextmanager
async def hosted(
    kind: str, replies: dict[str, list[Reply]] | None = None, **settings: object
) -> AsyncIterator[Hosted]:
    """Run a server with the usual replies or `replies` in their place, and an engine for it."""
    usual = {"ollama": OLLAMA, "openai": OPENAI}[kind]
    async with replaying({**usual, **(replies or {})}) as server:
        path = "/v1" if kind == "openai" else ""
        chosen = settings_for(kind, server.url + path, **settings)
        engine = engine_for(chosen, model_of(chosen))
        try:
            yield Hosted(kind, engine, server, chosen)
        finally:
            await engine.unload()


def settings_for(kind: str, url: str, **more: object) -> Settings:
    given: dict[str, object] = {
        "engine": kind,
        "engine_url": url,
        "engine_key": "engine-key",
        "model": Path(MODELS[kind]),
        "load_timeout_s": 20.0,
        "stall_timeout_s": 20.0,
        **more,
    }
    return Settings(**given)  # type: ignore[arg-type]


def model_of(settings: Settings) -> Model:
    """Return the settings' model without asking the server for it."""
    context_tokens = settings.context_tokens or 4096
    return Model(str(settings.model), Path(str(settings.model)), context_tokens, source="hosted")


@contextlib.asynccontextmanager
async def llama_cpp(path: Path, context_tokens: int = 512) -> AsyncIterator[Engine]:
    """Run the real llama.cpp, in its child process."""
    settings = Settings(threads=1, slots=2, prompt_cache_mib=0, min_memory_available_mib=0)
    engine = engine_for(settings, Model(path.stem, path, context_tokens))
    try:
        yield engine
    finally:
        await engine.unload()


@contextlib.asynccontextmanager
async def start_llama_cpp(path: Path, context_tokens: int = 1024) -> AsyncIterator[tuple[str, str]]:
    """Run llama.cpp's own server with a model; yield its address and key."""
    key = "a-key-for-this-server"
    settings = EngineSettings(str(path), context_tokens, 2, 1, 64, 0, parent_pid=os.getpid())
    argv = [sys.executable, "-m", llama_cpp_host.__name__]
    spec = ChildSpec("llama.cpp", argv, {SETTINGS_ENV: settings.to_json(), KEY_ENV: key})
    server = await Child.start(spec)
    try:
        yield f"http://127.0.0.1:{server.announced['port']}", key
    finally:
        await server.stop()


@contextlib.asynccontextmanager
async def openai_by_llama_cpp(path: Path) -> AsyncIterator[Engine]:
    """Run the engine for OpenAI's protocol in front of llama.cpp's server, which speaks it."""
    async with start_llama_cpp(path) as (url, key):
        chosen = settings_for("openai", f"{url}/v1", model=path, engine_key=key)
        engine = engine_for(chosen, model_of(chosen))
        try:
            yield engine
        finally:
            await engine.unload()


@contextlib.asynccontextmanager
async def real_ollama() -> AsyncIterator[Engine | None]:
    """Yield an engine for the Ollama that OLLAMA_HOST names, or None if none answers there.

    Its model is the smallest one, or CEREBRUM_TEST_OLLAMA_MODEL.
    """
    host = os.environ.get("OLLAMA_HOST")
    if not host or not answers(ollama_url(host)):
        yield None
        return
    name = os.environ.get("CEREBRUM_TEST_OLLAMA_MODEL", "any")
    settings = Settings(engine="ollama", model=Path(name), ollama_host=host)
    listed = [each for each in hosted_catalog(settings).models if each.size_bytes]
    if not listed:
        yield None
        return
    model = min(listed, key=lambda each: (each.name != name, each.size_bytes))
    engine = engine_for(settings, model)
    try:
        yield engine
    finally:
        await engine.unload()


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/version", timeout=REAL_OLLAMA_TIMEOUT_S).is_success
    except httpx.HTTPError:
        return False


def order(prompt: Prompt, **options: object) -> Order:
    given: dict[str, object] = {"slot": 0, "max_tokens": 12, **options}
    return Order(prompt, **given)  # type: ignore[arg-type]


async def run(engine: Engine, asked: Order) -> list[EngineEvent]:
    """Return all events of a generation."""
    async with aclosing(engine.generate(asked)) as events_:
        return [each async for each in events_]


async def text_of(engine: Engine, asked: Order) -> str:
    """Return the text of a generation that ends well."""
    seen = await run(engine, asked)
    assert isinstance(seen[-1], Finished)
    return "".join(each.text for each in seen if isinstance(each, Piece))

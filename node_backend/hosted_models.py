"""Models on a server that somebody else runs: which there are, and an engine for each."""

import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from node_backend.config import FALLBACK_CONTEXT_TOKENS, Settings
from node_backend.core.fim_families import family_named
from node_backend.core.names import key_of
from node_backend.engines import ollama, openai
from node_backend.engines.hosted import HostedEngine, Server
from node_backend.engines.hosted_session import NONSENSE, HostedModel
from node_backend.errors import UnknownModelError
from node_backend.models import Catalog, Listing, Model

LIST_TIMEOUT_S = 3.0  # a list is not worth a longer wait; requests that name a model don't need it
SHOW_WITHIN_S = 1.0  # for what Ollama shows of each model, a few milliseconds each
OLLAMA_PORT = 11434

Chats = dict[tuple[str, str], bool | None]
"""Whether models follow a chat, by name and digest."""


@dataclass(frozen=True)
class ServerModel(Model):
    """A model as its server lists it."""

    listed_bytes: int = field(default=0, compare=False)
    is_loaded: bool = field(default=False, compare=False)
    """Whether it was when the list was made, for whomever."""
    has_chat: bool | None = field(default=None, compare=False)
    """Whether it follows a chat, as far as the server says."""

    @property
    def size_bytes(self) -> int:
        """The size that the server tells; 0 when it tells none."""
        return self.listed_bytes


def hosted_catalog(settings: Settings) -> Catalog:
    """Return what the server has, looked at now and again later; the chosen model first.

    Raises UnknownModelError where none is chosen and the server lists none either.
    """
    chats: Chats = {}
    chosen = str(settings.model)
    if settings.model is None:
        chosen = _best(list_models(settings, chats), settings)

    def look() -> Listing:
        known, others = HostedModel(chosen, is_loaded=False), []
        for each in list_models(settings, chats):
            if key_of(each.name) == key_of(chosen):
                known = replace(each, name=chosen)  # by whichever of its names, it stays one model
            else:
                others.append(each)
        return Listing(tuple(_model(each, settings) for each in (known, *others)))

    return Catalog((), look)


def list_models(settings: Settings, chats: Chats | None = None) -> list[HostedModel]:
    """Ask the server for its models; an empty list when it does not answer as expected.

    `chats` has what was learned of models before, and is added to.

    Blocks for as long as that takes; for a thread, or before the event loop runs.
    """
    server = server_of(settings)
    headers = {"Authorization": f"Bearer {server.key}"} if server.key else {}
    try:
        with httpx.Client(
            base_url=server.url, headers=headers, timeout=LIST_TIMEOUT_S, trust_env=False
        ) as http:
            if settings.engine == "ollama":
                listed = ollama.models_in(_get(http, "/api/tags"), _get(http, "/api/ps"))
                return _with_chats(http, listed, {} if chats is None else chats)
            return openai.models_in(_get(http, "models"))
    except (httpx.HTTPError, *NONSENSE):
        return []


def _with_chats(
    http: httpx.Client, listed: Sequence[HostedModel], chats: Chats
) -> list[HostedModel]:
    """Return the models with what Ollama shows of each; those that take too long, another time."""
    ends_at = time.monotonic() + SHOW_WITHIN_S
    for each in listed:
        if (each.name, each.digest) not in chats and time.monotonic() < ends_at:
            with contextlib.suppress(httpx.HTTPError, *NONSENSE):
                answer = http.post("/api/show", json={"model": each.name}).raise_for_status()
                chats[each.name, each.digest] = ollama.has_chat(each.name, answer.json())
    return [replace(each, has_chat=chats.get((each.name, each.digest))) for each in listed]


def hosted_engine(settings: Settings, model: Model) -> HostedEngine:
    """Return a new engine for a model of the server; nothing is asked of it yet."""
    if settings.engine == "ollama":
        runner = ollama.Runner(model.context_tokens, settings.idle_unload_s, settings.threads)
        connect = ollama.connect_to(model.name, runner)
    else:
        connect = openai.connect_to(model.name, model.context_tokens)
    return HostedEngine(server_of(settings), connect)


def server_of(settings: Settings) -> Server:
    """Return where the server is that the settings name."""
    url = settings.engine_url
    if url is None:
        url = ollama_url(settings.ollama_host)
    return Server(
        settings.engine, url, settings.engine_key, settings.load_timeout_s, settings.stall_timeout_s
    )


def ollama_url(host: str) -> str:
    """Return the address that OLLAMA_HOST means, as `envconfig.Host` of the ollama project does.

    What a server listens on everywhere is asked on this machine.
    """
    text = host.strip().strip("\"'")
    has_scheme = "://" in text
    parts = urlsplit(text if has_scheme else f"http://{text}")
    default_port = {"http": 80, "https": 443}.get(parts.scheme) if has_scheme else OLLAMA_PORT
    name = parts.hostname or "127.0.0.1"
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(name, name)  # noqa: S104 - it is replaced
    shown = f"[{name}]" if ":" in name else name
    return f"{parts.scheme}://{shown}:{parts.port or default_port}{parts.path.rstrip('/')}"


def _best(listed: Sequence[HostedModel], settings: Settings) -> str:
    """Return the model that is likeliest to be meant: one that can fill in, one that is loaded."""
    if not listed:
        url = server_of(settings).url
        raise UnknownModelError(f"{url} lists no models: name one with --model")
    return max(listed, key=lambda each: (family_named(each.name) is not None, each.is_loaded)).name


def _model(listed: HostedModel, settings: Settings) -> ServerModel:
    return ServerModel(
        listed.name,
        Path(listed.name),
        settings.context_tokens or FALLBACK_CONTEXT_TOKENS,
        source="hosted",
        listed_bytes=listed.size_bytes,
        is_loaded=listed.is_loaded,
        has_chat=listed.has_chat,
    )


def _get(http: httpx.Client, path: str) -> Mapping[str, Any]:
    parsed: Mapping[str, Any] = http.get(path).raise_for_status().json()
    return parsed

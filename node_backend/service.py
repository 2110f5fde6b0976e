"""Puts the node together from its settings, and runs it."""

import asyncio
import logging
import os
from collections.abc import Callable
from urllib.parse import urlsplit

from cerebrum_kit.logs import event
from cerebrum_kit.mdns import advertised, require_mdns
from cerebrum_kit.serving import Tls, announce, is_loopback, require_guard, serve
from node_backend.app import create_app
from node_backend.cards import Cards
from node_backend.config import Settings
from node_backend.core.cores import engine_threads
from node_backend.core.machine import MIB, Thresholds
from node_backend.core.resident import Limits
from node_backend.engines.base import Engine
from node_backend.engines.llama_cpp import LlamaCppEngine
from node_backend.engines.llama_cpp_settings import EngineSettings
from node_backend.fitting import needs_bytes, too_large
from node_backend.guard import Guard
from node_backend.hosted_models import hosted_catalog, hosted_engine, server_of
from node_backend.listing import Row, row
from node_backend.manager import Manager, Room
from node_backend.metrics import Meter
from node_backend.models import Model, catalog
from node_backend.node import Node
from node_backend.probe import (
    Probe,
    cores,
    memory_available_bytes,
    memory_total_bytes,
    take_reading,
)

log = logging.getLogger(__name__)


def build(settings: Settings) -> Node:
    """Create all that the service owns; nothing runs yet. Raises UnknownModelError."""
    is_hosted = settings.engine != "llama.cpp"
    models = hosted_catalog(settings) if is_hosted else catalog(settings)
    probe = Probe(
        settings.sample_interval_s,
        settings.cpu_window_s,
        take=lambda: take_reading(settings.cgroup_root, with_vram=may_use_gpu(settings)),
        is_computing_elsewhere=lambda: manager.is_computing_elsewhere,
    )
    meter, cards = Meter(), Cards()
    guard = Guard(lambda: probe.latest, thresholds(settings))
    manager = Manager(
        lambda model: engine_for(settings, model, cards),
        guard,
        limits(settings),
        room=Room() if is_hosted else room(settings, cards),
        pinned=[models.resolve(name) for name in settings.pinned_models],
        on_end=meter.on_end,
    )
    return Node(
        manager,
        models,
        probe,
        settings.api_key,
        settings.body_limit_bytes,
        meter=meter,
        describe=Row if is_hosted else describer(settings, cards),
    )


def room(settings: Settings, cards: Cards) -> Room:
    """Return what decides whether models fit this machine together."""

    def needs_bytes_of(model: Model) -> int:
        wanted = engine_settings(settings, model, cores(settings.cgroup_root))
        return needs_bytes(wanted, cards.of(model.path))

    return Room(lambda: free_bytes(settings), needs_bytes_of)


def describer(settings: Settings, cards: Cards) -> Callable[[Model], Row]:
    """Return what says whether a model fits this machine when nothing else is loaded."""
    most_bytes = memory_total_bytes(settings.cgroup_root) - settings.min_memory_available_mib * MIB
    return lambda model: row(model, cards.of(model.path), settings, most_bytes)


def limits(settings: Settings) -> Limits:
    """Return how many models and requests there may be at a time, and for how long."""
    return Limits(
        slots=settings.slots,
        queue=settings.queue_limit,
        models=settings.loaded_models,
        longest_wait_s=settings.switch_wait_s,
        idle_unload_s=settings.idle_unload_s,
    )


def thresholds(settings: Settings) -> Thresholds:
    """Return from where on the machine is needed for other things."""
    return Thresholds(
        settings.max_others_cpu_percent,
        settings.min_memory_available_mib,
        settings.min_vram_mib,
    )


def may_use_gpu(settings: Settings) -> bool:
    """Whether the engine may compute on a graphics card of this machine.

    The built-in one computes on none, and a server elsewhere on those that it has there.
    """
    if settings.engine == "llama.cpp":
        return settings.llama_server is not None
    return is_loopback(urlsplit(server_of(settings).url).hostname or "")


def free_bytes(settings: Settings) -> int:
    """Return what models may take now: what is kept for others is not theirs."""
    available = memory_available_bytes(settings.cgroup_root)
    return available - settings.min_memory_available_mib * MIB


def engine_for(settings: Settings, model: Model, cards: Cards | None = None) -> Engine:
    """Return a new engine for `model`; nothing of it runs yet."""
    if settings.engine != "llama.cpp":
        return hosted_engine(settings, model)
    return LlamaCppEngine(
        engine_settings(settings, model, cores(settings.cgroup_root)),
        load_timeout_s=settings.load_timeout_s,
        stall_timeout_s=settings.stall_timeout_s,
        objection=lambda chosen, reading: too_large(
            chosen, reading, free_bytes=free_bytes(settings)
        ),
        model_name=model.name,
        cards=cards,
    )


def engine_settings(settings: Settings, model: Model, usable_cores: int) -> EngineSettings:
    """Return what the engine's process is started with."""
    return EngineSettings(
        model_path=str(model.path),
        context_tokens=model.context_tokens,
        slots=settings.slots,
        threads=settings.threads or engine_threads(usable_cores),
        batch_tokens=settings.batch_tokens,
        kv_type=settings.kv_type,
        prompt_cache_mib=settings.prompt_cache_mib,
        parent_pid=os.getpid(),
        suffix_first=model.suffix_first,
        binary=str(settings.llama_server) if settings.llama_server else None,
    )


async def run(settings: Settings, *, announced: bool) -> None:
    """Serve until a signal or the end of the lifeline. Raises CerebrumError if that can't begin."""
    require_guard(settings.host, settings.api_key)
    node = build(settings)
    app, model = create_app(node), node.catalog.default

    advertising: list[asyncio.Task[None]] = []
    if settings.advertise:
        require_mdns()

    def on_started(port: int) -> None:
        log.info(event("node.listening", host=settings.host, port=port, model=model.path))
        if announced:
            announce(port=port, pid=os.getpid())
        if settings.advertise:
            advertising.append(asyncio.create_task(_advertise(settings, port), name="mdns"))

    try:
        await serve(
            app,
            settings.host,
            settings.port,
            on_started=on_started,
            stop=asyncio.Event(),
            tls=tls(settings),
        )
    finally:
        for task in advertising:
            task.cancel()
        await asyncio.gather(*advertising, return_exceptions=True)


async def _advertise(settings: Settings, port: int) -> None:
    scheme = "http" if tls(settings) is None else "https"
    async with advertised(settings.host, port, scheme=scheme):
        await asyncio.Event().wait()


def tls(settings: Settings) -> Tls | None:
    """Return the certificate and key to serve with, if there are some."""
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    return Tls(settings.tls_certificate, settings.tls_key)

"""Puts the node together from its settings, and runs it."""

import asyncio
import logging
import os

from cerebrum_kit.logs import event
from cerebrum_kit.serving import announce, require_guard, serve
from node_backend.app import Node, create_app
from node_backend.config import Settings
from node_backend.core.cores import engine_threads
from node_backend.engines.llama_cpp import LlamaCppEngine
from node_backend.engines.llama_cpp_settings import EngineSettings
from node_backend.fitting import too_large
from node_backend.guard import Guard
from node_backend.manager import Manager
from node_backend.models import Model, catalog
from node_backend.probe import MIB, Probe, cores, memory_available_bytes

log = logging.getLogger(__name__)


def build(settings: Settings) -> Node:
    """Create all that the service owns; nothing runs yet."""
    models = catalog(settings)
    probe = Probe(settings.sample_interval_s)
    guard = Guard(lambda: probe.latest, settings.min_memory_available_mib)
    keep_bytes = settings.min_memory_available_mib * MIB
    engine = LlamaCppEngine(
        engine_settings(settings, models.default, cores()),
        load_timeout_s=settings.load_timeout_s,
        stall_timeout_s=settings.stall_timeout_s,
        objection=lambda chosen: too_large(
            chosen, free_bytes=memory_available_bytes() - keep_bytes
        ),
    )
    manager = Manager(engine, guard, slots=settings.slots, queue_limit=settings.queue_limit)
    return Node(manager, models, probe, settings.api_key, settings.body_limit_bytes)


def engine_settings(settings: Settings, model: Model, usable_cores: int) -> EngineSettings:
    """Return what the engine's process is started with."""
    return EngineSettings(
        model_path=str(model.path),
        context_tokens=model.context_tokens,
        slots=settings.slots,
        threads=settings.threads or engine_threads(usable_cores),
        batch_tokens=settings.batch_tokens,
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

    def on_started(port: int) -> None:
        log.info(event("node.listening", host=settings.host, port=port, model=model.path))
        if announced:
            announce(port=port, pid=os.getpid())

    await serve(app, settings.host, settings.port, on_started=on_started, stop=asyncio.Event())

"""The process: from a configuration to a service that listens, and back to nothing left behind."""

import asyncio
import gc
import logging
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from pydantic import SecretStr

from cerebrum_kit.logs import event
from cerebrum_kit.mdns import require_mdns
from cerebrum_kit.serving import announce as announce_facts
from cerebrum_kit.serving import require_guard, serve
from orchestrator import pool_file
from orchestrator.app import create_app
from orchestrator.config import Config
from orchestrator.reload import Reloader

Read = Callable[[], Config]

log = logging.getLogger(__name__)


async def run(config: Config, *, announce: bool, file: Path | None, read: Read) -> None:
    """Serve until a signal, the parent's end, or (local) nobody being there ends it.

    `read` returns what `config` was, from a `file` that may have changed since. Raises
    UnguardedBindError, PortInUseError or NoDiscoveryError.
    """
    config = for_one_user(config) if config.local else config
    key = config.key.get_secret_value() if config.key else ""
    require_guard(config.host, key)
    if config.discover:
        require_mdns()
    stop = asyncio.Event()
    app = create_app(config, stop)
    reloading: asyncio.Task[None] | None = None
    if file is not None:
        reloader = Reloader(file, read, app.state.orchestrator.apply)
        reloading = asyncio.create_task(reloader.run(), name="reload")

    def on_started(port: int) -> None:
        # What was imported stays: to look through it again and again for garbage takes longer than
        # a request may.
        gc.collect()
        gc.freeze()
        log.info(event("orchestrator.listening", host=config.host, port=port))
        if config.local:
            pool_file.publish(port, key)
        if announce:
            announce_facts(port=port, pid=os.getpid())

    try:
        await serve(app, config.host, config.port, on_started=on_started, stop=stop)
    finally:
        if reloading is not None:
            reloading.cancel()
            await asyncio.gather(reloading, return_exceptions=True)
        if config.local:
            pool_file.withdraw()
    log.info(event("orchestrator.ended"))


def for_one_user(config: Config) -> Config:
    """Return `config` for the pool of one user on one machine: loopback, any port, own key."""
    given = config.model_fields_set
    changes: dict[str, object] = {"host": "127.0.0.1"}
    if "port" not in given:
        changes["port"] = 0
    if config.key is None:
        changes["key"] = SecretStr(secrets.token_urlsafe(32))
    return config.model_copy(update=changes)

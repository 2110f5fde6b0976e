"""Nodes that say by multicast DNS that they are there: into the pool, and out when they have gone.

Only where it is switched on. What is found gets the nodes' common key and no other: who answers
without knowing it stays `unauthorized`, and nothing is asked of it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from cerebrum_kit.logs import event
from cerebrum_kit.mdns import SERVICE, open_mdns
from orchestrator.node_config import NodeConfig

ANSWER_MS = 3000

log = logging.getLogger(__name__)


class Discovery:
    """Watches the local network; `on_change` gets all nodes that are there after each change."""

    def __init__(
        self,
        on_change: Callable[[tuple[NodeConfig, ...]], Awaitable[None]],
        interfaces: Sequence[str] = (),
    ) -> None:
        self._on_change = on_change
        self._interfaces = interfaces
        self._found: dict[str, NodeConfig] = {}
        self._changes: asyncio.Queue[tuple[str, bool]] = asyncio.Queue()

    async def run(self) -> None:
        """Watch until cancelled."""
        mdns = open_mdns(self._interfaces)
        from zeroconf.asyncio import AsyncServiceBrowser  # noqa: PLC0415 - an extra

        browser = AsyncServiceBrowser(mdns.zeroconf, SERVICE, handlers=[self._note])
        try:
            while True:
                name, is_there = await self._changes.get()
                await self._take(name, await _look(mdns, name) if is_there else None)
        finally:
            await browser.async_cancel()
            await mdns.async_close()

    def _note(self, *, name: str, state_change: Any, **_: object) -> None:
        self._changes.put_nowait((name, state_change.name != "Removed"))

    async def _take(self, name: str, node: NodeConfig | None) -> None:
        if self._found.get(name) == node:
            return
        if node is None:
            del self._found[name]
        else:
            self._found[name] = node
        log.info(event("discovery.changed", node=name, url=node.url if node else None))
        await self._on_change(tuple(self._found.values()))


async def _look(mdns: Any, name: str) -> NodeConfig | None:
    info = await mdns.async_get_service_info(SERVICE, name, ANSWER_MS)
    if info is None or not info.parsed_addresses():
        return None
    scheme = "https" if info.properties.get(b"scheme") == b"https" else "http"
    url = f"{scheme}://{info.parsed_addresses()[0]}:{info.port}"
    short = name.removesuffix(f".{SERVICE}")
    return NodeConfig.model_validate({"url": url, "name": short, "kind": "cerebrum"})

"""All that lives as long as the service."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from node_backend.listing import Row
from node_backend.manager import Manager
from node_backend.metrics import Meter
from node_backend.models import Catalog, Model
from node_backend.probe import Probe


@dataclass(frozen=True)
class Node:
    """What the routes need; its lifespan is theirs."""

    manager: Manager
    catalog: Catalog
    probe: Probe
    api_key: str | None = None
    body_limit_bytes: int = 1_000_000
    meter: Meter = field(default_factory=Meter)
    started_at: float = field(default_factory=time.monotonic)
    describe: Callable[[Model], Row] = Row
    """Says what is known of a model, and whether it fits a machine that has nothing else loaded;
    reads its file's header, once."""

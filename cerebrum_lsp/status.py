"""The pool's events → what the editor is told; being connected keeps a local pool alive."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from cerebrum_kit.backoff import Backoff
from cerebrum_kit.logs import event
from cerebrum_lsp.errors import DaemonError, PoolRefusalError
from cerebrum_lsp.pool import Pool, PoolEvent
from orchestrator.wire import AdmissionEvent, NodeState, NodeStatus, StateEvent

STATES_TO_CLIENT: dict[NodeState, str] = {
    "ready": "ready",
    "loading": "loading",
    "unknown": "loading",
    "refusing": "load-shed",
    "unauthorized": "unauthorized",
}
ORDER = ("ready", "loading", "load-shed", "circuit-open", "unauthorized")
"""Of several nodes the one decides whose state is named first."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PoolStatus:
    """What a status bar needs to know (`cerebrum/status`)."""

    state: str
    message: str
    nodes: tuple[NodeStatus, ...] = ()

    def to_params(self) -> dict[str, object]:
        """Return the notification's parameters."""
        nodes = [{"name": n.name, "state": n.state, "model": n.model} for n in self.nodes]
        return {"state": self.state, "message": self.message, "nodes": nodes}


@dataclass(frozen=True)
class PoolPicture:
    """What the pool has told of itself so far."""

    nodes: tuple[NodeStatus, ...] = ()
    is_accepting: bool = True

    def after(self, incoming: PoolEvent) -> "PoolPicture":
        """Return the picture with one more event in it."""
        match incoming:
            case StateEvent():
                return PoolPicture(tuple(incoming.nodes), incoming.accepting)
            case AdmissionEvent():
                return replace(self, is_accepting=incoming.accepting)
            case NodeStatus():
                others = {node.name: node for node in self.nodes}
                return replace(self, nodes=tuple({**others, incoming.name: incoming}.values()))

    def status(self) -> PoolStatus:
        """Sum the picture up."""
        states = [(_state_of(node), node) for node in self.nodes]
        for state in ORDER:
            found = [node.model or node.name for each, node in states if each == state]
            if not found:
                continue
            if state == "ready" and not self.is_accepting:
                return PoolStatus("load-shed", "load-shed: the pool has no room", self.nodes)
            return PoolStatus(state, f"{state}: {', '.join(found)}", self.nodes)
        return PoolStatus("no-node", "no node of the pool can serve", self.nodes)


def _state_of(node: NodeStatus) -> str | None:
    if node.breaker == "open" and node.state != "unauthorized":
        return "circuit-open"
    return STATES_TO_CLIENT.get(node.state)


class StatusWatcher:
    """Follows the pool's events for as long as the daemon runs, and reconnects when they end."""

    def __init__(
        self,
        pool: Pool,
        tell: Callable[[PoolStatus], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool = pool
        self._tell = tell
        self._clock = clock
        self._backoff = Backoff()
        self._picture = PoolPicture()
        self.status = PoolStatus("loading", "looking for the pool")

    async def run(self) -> None:
        """Follow the pool until cancelled."""
        while True:
            connected_at = self._clock()
            heard = False
            try:
                async for incoming in self._pool.states():
                    heard = True
                    self._picture = self._picture.after(incoming)
                    self._update(self._picture.status())
            except DaemonError as error:
                self._update(PoolStatus(_failure_state(error), error.message))
            self._backoff.on_end(connected_at, self._clock(), was_ready=heard)
            await asyncio.sleep(self._backoff.wait_s(self._clock()))

    def _update(self, status: PoolStatus) -> None:
        if status == self.status:
            return
        if status.state != self.status.state:
            log.info(event("pool.state", before=self.status.state, now=status.state))
        self.status = status
        self._tell(status)


def _failure_state(error: DaemonError) -> str:
    is_wrong_key = isinstance(error, PoolRefusalError) and error.reason == "unauthorized"
    return "unauthorized" if is_wrong_key else "no-node"

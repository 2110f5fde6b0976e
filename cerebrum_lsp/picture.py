"""What the pool has told of itself so far, and what it comes to for a status bar (L9)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from cerebrum_lsp.pool import PoolEvent
from orchestrator.wire import AdmissionEvent, NodeStatus, StateEvent

STATES_TO_CLIENT = {
    "ready": "ready",
    "loading": "loading",
    "unknown": "loading",
    "refusing": "load-shed",
    "circuit-open": "circuit-open",
    "unauthorized": "unauthorized",
}
ORDER = ("ready", "loading", "load-shed", "circuit-open", "unauthorized")
"""Of several nodes the one decides whose state is named first."""
SAME_TIME_S = 1.5  # a time told again as so many seconds from now is never quite the same


@dataclass(frozen=True)
class NodeView:
    """One node; `retry_at` in seconds since 1970."""

    name: str
    state: str
    model: str | None = None
    reason: str | None = None
    retry_at: float | None = None

    def to_params(self) -> dict[str, object]:
        """Return it as a part of the notification."""
        fields: dict[str, object] = {"name": self.name, "state": self.state, "model": self.model}
        fields["reason"] = self.reason
        return fields | _retry(self.retry_at)


@dataclass(frozen=True)
class PoolStatus:
    """What a status bar needs to know (`cerebrum/status`); `retry_at` in seconds since 1970."""

    state: str
    message: str
    nodes: tuple[NodeView, ...] = ()
    model: str | None = None
    retry_at: float | None = None

    def to_params(self) -> dict[str, object]:
        """Return the notification's parameters."""
        return {
            "state": self.state,
            "message": self.message,
            "model": self.model,
            "nodes": [node.to_params() for node in self.nodes],
        } | _retry(self.retry_at)


@dataclass(frozen=True)
class PoolPicture:
    """The nodes and whether the pool takes requests; times in seconds since 1970."""

    nodes: tuple[NodeStatus, ...] = ()
    is_accepting: bool = True
    room_at: float | None = None
    retry_at: Mapping[str, float] = field(default_factory=dict)

    def after(self, incoming: PoolEvent, now: float) -> "PoolPicture":
        """Return the picture with one more event in it."""
        match incoming:
            case StateEvent():
                times = self._times(incoming.nodes, now)
                return PoolPicture(tuple(incoming.nodes), incoming.accepting, retry_at=times)
            case AdmissionEvent():
                wait_s = incoming.retry_after_s
                room_at = None if incoming.accepting or wait_s is None else now + wait_s
                return replace(self, is_accepting=incoming.accepting, room_at=room_at)
            case NodeStatus():
                nodes = tuple({**{n.name: n for n in self.nodes}, incoming.name: incoming}.values())
                others = {name: at for name, at in self.retry_at.items() if name != incoming.name}
                return replace(self, nodes=nodes, retry_at=others | self._times([incoming], now))

    def status(self) -> PoolStatus:
        """Sum the picture up."""
        views = tuple(self._view(node) for node in self.nodes)
        for state in ORDER:
            found = [view for view in views if STATES_TO_CLIENT.get(view.state) == state]
            if found:
                return self._status(state, found, views)
        reasons = "; ".join(f"{view.name}: {view.reason or view.state}" for view in views)
        return PoolStatus("no-node", f"no-node: {reasons or 'the pool has no node'}", views)

    def context_tokens(self, model: str | None) -> int | None:
        """Return what a prompt and its answer may have together on every node, as far as is known.

        `model`: the one that is asked for; None: whichever a node has.
        """
        told = [_context_tokens(node, model) for node in self.nodes]
        return min((tokens for tokens in told if tokens is not None), default=None)

    def models(self) -> dict[str, list[NodeStatus]]:
        """Return the models that the pool can run, each with the nodes that can."""
        found: dict[str, list[NodeStatus]] = {}
        for node in self.nodes:
            own = [node.model] if node.model else []
            for model in dict.fromkeys(own + node.models):
                found.setdefault(model, []).append(node)
        return dict(sorted(found.items()))

    def _status(self, state: str, found: list[NodeView], views: tuple[NodeView, ...]) -> PoolStatus:
        model = next((view.model for view in found if view.model), None)
        if state == "ready" and not self.is_accepting:
            message = "load-shed: the pool has no room"
            return PoolStatus("load-shed", message, views, model, self.room_at)
        names = ", ".join(view.model or view.name for view in found)
        if state in {"load-shed", "circuit-open", "unauthorized"}:
            names = ", ".join(view.name for view in found)
        retry_at = min((view.retry_at for view in found if view.retry_at), default=None)
        return PoolStatus(state, f"{state}: {names}", views, model, retry_at)

    def _view(self, node: NodeStatus) -> NodeView:
        # One that is being tried again (half-open) does not serve yet.
        is_open = node.breaker != "closed" and node.state != "unauthorized"
        state = "circuit-open" if is_open else node.state
        return NodeView(node.name, state, node.model, node.reason, self.retry_at.get(node.name))

    def _times(self, nodes: Iterable[NodeStatus], now: float) -> dict[str, float]:
        times = {n.name: now + n.retry_after_s for n in nodes if n.retry_after_s is not None}
        for name, at in times.items():
            known = self.retry_at.get(name)
            if known is not None and abs(known - at) < SAME_TIME_S:
                times[name] = known
        return times


def _context_tokens(node: NodeStatus, model: str | None) -> int | None:
    if model is None or model == node.model:
        return node.context_tokens
    return next((each.context_tokens for each in node.known_models if each.name == model), None)


def _retry(at: float | None) -> dict[str, object]:
    return {} if at is None else {"retryAt": at}

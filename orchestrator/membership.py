"""Who belongs to the pool: what the configuration says, now and after each change of it."""

from collections.abc import Awaitable, Callable
from functools import partial

from orchestrator.breaker_probes import BreakerProber
from orchestrator.child_node import ChildNode, Environment, as_configured, on_host
from orchestrator.config import LOCAL_NODE, Config
from orchestrator.core.breaker import Breaker, BreakerLimits
from orchestrator.members import Member, Observation
from orchestrator.node_config import NodeConfig
from orchestrator.node_http import NodeHttp
from orchestrator.nodes import NodeClient
from orchestrator.pool import Pool
from orchestrator.probes import Prober

NEW_ADDRESS = Observation("unknown", reason="its address or key has changed")


class Membership:
    """Adds and removes nodes, with all that belongs to each: its probes, and its child process.

    What runs on a node that is removed goes on: only new requests don't find it any more.
    """

    def __init__(
        self, pool: Pool, http: NodeHttp, prober: Prober, breaker_prober: BreakerProber
    ) -> None:
        self._pool = pool
        self._http = http
        self._prober = prober
        self._breaker_prober = breaker_prober
        self._applied: dict[str, NodeConfig | None] = {}
        self._keys: dict[str, str | None] = {}
        self._children: dict[str, ChildNode] = {}

    def add_all(self, config: Config) -> None:
        """Take the nodes in, before anything runs."""
        for node in config.nodes:
            self._add(node, config.key_of(node), breaker_limits(config))
        if config.local:
            self._take_in(
                Member(LOCAL_NODE, None, comes_back=True, breaker=Breaker(breaker_limits(config))),
                None,
                None,
            )
            self._children[LOCAL_NODE] = self._child(LOCAL_NODE, as_configured)

    def start(self) -> None:
        """Begin to probe, and start the children."""
        for name in self._applied:
            self._start(name)

    async def stop(self) -> None:
        """End all probes and children. Returns when they are gone."""
        await self._breaker_prober.stop()
        await self._prober.stop()
        for child in self._children.values():
            await child.stop()

    async def apply(self, config: Config) -> None:
        """Become what `config` says; nodes that stay keep all that is known of them."""
        wanted = {node.name: node for node in config.nodes}
        gone = [name for name in self._applied if name not in wanted and name != LOCAL_NODE]
        replaced = [name for name, node in wanted.items() if self._is_another(name, node)]
        for name in [*gone, *replaced]:
            await self._remove(name)
        limits = breaker_limits(config)
        for member in self._pool.members.values():
            member.breaker.limits = limits
        for node in config.nodes:
            if node.name in self._applied:
                self._change(node, config.key_of(node))
            else:
                self._add(node, config.key_of(node), limits)
                self._start(node.name)

    def _is_another(self, name: str, node: NodeConfig) -> bool:
        """Whether a node of this name is so different that nothing known of it holds."""
        before = self._applied.get(name)
        if before is None:
            return False
        is_child = "cerebrum" not in {before.kind, node.kind}
        return before.kind != node.kind or (is_child and before != node)

    def _add(self, node: NodeConfig, key: str | None, limits: BreakerLimits) -> None:
        client = None
        if node.kind == "cerebrum":
            client = NodeClient(self._http, node.name, node.url, key)
        is_child = client is None
        member = Member(node.name, client, comes_back=is_child, breaker=Breaker(limits))
        member.has_gpu, member.slots = node.gpu, node.slots
        self._take_in(member, node, key)
        if is_child:
            environment = partial(on_host, self._http, node, key)
            self._children[node.name] = self._child(node.name, environment)

    def _take_in(self, member: Member, node: NodeConfig | None, key: str | None) -> None:
        self._applied[member.name], self._keys[member.name] = node, key
        self._pool.add(member)

    def _change(self, node: NodeConfig, key: str | None) -> None:
        before, member = self._applied[node.name], self._pool.members[node.name]
        member.has_gpu, member.slots = node.gpu, node.slots
        is_moved = before is None or before.url != node.url or self._keys[node.name] != key
        self._applied[node.name], self._keys[node.name] = node, key
        if is_moved and node.kind == "cerebrum":
            client = NodeClient(self._http, node.name, node.url, key)
            self._pool.move(member, client, NEW_ADDRESS)
            self._prober.look(member)

    def _start(self, name: str) -> None:
        member = self._pool.members[name]
        if name in self._children:
            self._children[name].start()
        self._prober.watch(member)
        self._breaker_prober.watch(member)

    async def _remove(self, name: str) -> None:
        await self._breaker_prober.forget(name)
        await self._prober.forget(name)
        child = self._children.pop(name, None)
        self._pool.remove(name)
        del self._applied[name], self._keys[name]
        if child is not None:
            await child.stop()

    def _child(self, name: str, environment: Callable[[], Awaitable[Environment]]) -> ChildNode:
        member = self._pool.members[name]
        return ChildNode(self._pool, member, self._http, self._prober.look, environment)


def breaker_limits(config: Config) -> BreakerLimits:
    """Return when nodes are left alone."""
    return BreakerLimits(
        failures_in_a_row=config.breaker_failures,
        failure_rate=config.breaker_failure_rate,
        cooldown_s=config.breaker_cooldown_s,
        max_cooldown_s=config.breaker_max_cooldown_s,
    )

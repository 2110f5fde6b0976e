"""The nodes of the pool and what is known of each; whoever learns something tells it here."""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count

from cerebrum_kit.logs import event
from orchestrator.core.breaker import least_bad
from orchestrator.core.routing import Knowledge
from orchestrator.core.snapshot import PREFERENCE, NodeSnapshot
from orchestrator.core.speeds import Served, Speed
from orchestrator.members import Member, Observation
from orchestrator.nodes import NodeClient
from orchestrator.wire import NodeStatus

log = logging.getLogger(__name__)


class Pool:
    """The members; `on_change` is called with one after each change of what the wire shows.

    `on_removal` is called after each change of one that has been removed.
    """

    def __init__(
        self,
        on_change: Callable[[Member], None] = lambda _: None,
        on_removal: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.members: dict[str, Member] = {}
        self._on_change = on_change
        self._on_removal = on_removal
        self._clock = clock
        self._chance = chance
        self._attempts = count()
        self._fastest: dict[bool, dict[str, Speed]] = {False: {}, True: {}}
        self.min_vram_mb = 0.0
        self.change = asyncio.Event()  # set at the next change, and then another one

    def add(self, member: Member) -> None:
        """Take a node in."""
        self.members[member.name] = member
        self._changed(member)

    def remove(self, name: str) -> None:
        """Let a node go; what runs on it goes on."""
        member = self.members.pop(name)
        self._changed(member)

    def snapshots(self) -> list[NodeSnapshot]:
        """Return all nodes as routing sees them."""
        now = self._clock()
        return [member.snapshot(now) for member in self.members.values()]

    def models(self) -> list[str]:
        """Return the models of the nodes that can be asked, those in memory first."""
        able = [each.seen for each in self.members.values() if each.seen.state in PREFERENCE]
        loaded = [seen.model for seen in able if seen.model is not None]
        return list(dict.fromkeys([*loaded, *(name for seen in able for name in seen.models)]))

    def knowledge(self) -> Knowledge:
        """Return what routing may assume of nodes that were not measured."""
        return Knowledge(self._fastest[False], self._fastest[True], self.min_vram_mb)

    def statuses(self) -> list[NodeStatus]:
        """Return all nodes as the wire shows them."""
        now = self._clock()
        return [member.status(now) for member in self.members.values()]

    def observe(self, member: Member, seen: Observation) -> None:
        """Take note of what was learned of a node; a model once known stays known."""
        before = member.seen
        seen = replace(seen, model=seen.model or before.model, listed=seen.listed or before.listed)
        member.seen = seen
        if before.state != seen.state:
            changed = {"from": before.state, "to": seen.state, "reason": seen.reason}
            log.info(event("node.state_changed", node=member.name, **changed))
        if before.state == "unreachable" and seen.state in PREFERENCE:
            member.breaker.on_return(self._clock())
        if before != seen:
            self._changed(member)

    def move(self, member: Member, client: NodeClient | None, seen: Observation) -> None:
        """Give a node another address, or none."""
        if client is not None:
            member.breaker.on_return(self._clock())
        member.client = client
        self.observe(member, seen)

    def succeeded(self, member: Member, epoch: int, model: str, one: Served) -> None:
        """Take note of an answer that came to its end; `epoch` is that of its beginning."""
        member.breaker.on_success(epoch)
        speed = member.speed(model)
        speed.on_served(one)
        alike = self._fastest[member.is_gpu]
        best = alike.get(model)
        if best is None or (best.decode.value() or 0.0) < (speed.decode.value() or 0.0):
            alike[model] = speed

    def failed(self, member: Member, epoch: int) -> None:
        """Take note of an attempt that the node failed; `epoch` is that of its beginning."""
        now = self._clock()
        if member.seen.model is not None:
            member.speed(member.seen.model).on_failed(now)
        if member.breaker.on_failure(epoch, now, self._chance()):
            self._breaker_changed(member)

    def probe_begins(self, member: Member) -> bool:
        """Take note that the breaker's probe begins, if it may; it must end."""
        is_begun = member.breaker.on_probe_begun()
        if is_begun:
            self._breaker_changed(member)
        return is_begun

    def probe_ended(self, member: Member, *, well: bool | None) -> None:
        """Take note of how the breaker's probe ended: well, badly, or cut off (None)."""
        if well is None:
            member.breaker.on_probe_abandoned(self._clock())
        elif well:
            member.breaker.on_probe_succeeded()
        else:
            member.breaker.on_probe_failed(self._clock(), self._chance())
        self._breaker_changed(member)

    @contextmanager
    def serving(self, member: Member, service_s: float) -> Iterator[None]:
        """Count a request as in flight on `member`, probably for `service_s`."""
        attempt = next(self._attempts)
        member.ends[attempt] = self._clock() + service_s
        self._changed(member)
        try:
            yield
        finally:
            del member.ends[attempt]
            self._changed(member)

    def _breaker_changed(self, member: Member) -> None:
        log.info(event("breaker.state_changed", node=member.name, to=member.breaker.state))
        self._changed(member)

    def _find_last_hope(self) -> None:
        """Mark the node that is probed first when every one that can be reached is left alone."""
        reached = [each for each in self.members.values() if each.seen.state in PREFERENCE]
        if any(each.breaker.is_closed for each in reached):
            reached = []
        hope = least_bad((each.name, each.breaker) for each in reached)
        for member in self.members.values():
            member.is_last_hope = member.name == hope

    def _changed(self, member: Member) -> None:
        self._find_last_hope()
        waited_for, self.change = self.change, asyncio.Event()
        waited_for.set()
        if self.members.get(member.name) is member:
            self._on_change(member)
        else:
            self._on_removal()

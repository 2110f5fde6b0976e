"""What the editor is told of the pool's state."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from cerebrum_lsp.errors import PoolRefusalError, PoolUnreachableError
from cerebrum_lsp.pool import Pool, PoolEvent
from cerebrum_lsp.status import PoolPicture, PoolStatus, StatusWatcher
from orchestrator.wire import AdmissionEvent, NodeState, NodeStatus, StateEvent


def node(state: NodeState, name: str = "pi") -> NodeStatus:
    return NodeStatus(name=name, url="http://pi", state=state, model="m")


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([], "no-node"),
        (["unreachable"], "no-node"),
        (["unreachable", "loading"], "loading"),
        (["loading", "ready"], "ready"),
        (["unreachable", "unknown"], "loading"),
        (["unauthorized", "refusing"], "load-shed"),
        (["unauthorized"], "unauthorized"),
        (["unauthorized", "ready"], "ready"),
    ],
)
def test_the_best_node_decides(states: list[NodeState], expected: str) -> None:
    nodes = tuple(node(state, f"n{index}") for index, state in enumerate(states))
    assert PoolPicture(nodes).status().state == expected


Step = PoolEvent | Exception


class ScriptedPool(Pool):
    """Each connection plays one script, and ends as its last step says."""

    def __init__(self, *connections: list[Step]) -> None:
        self.connections = list(connections)
        self.exhausted = asyncio.Event()

    async def states(self) -> AsyncGenerator[PoolEvent, None]:
        if not self.connections:
            self.exhausted.set()
            await asyncio.Event().wait()
        for step in self.connections.pop(0):
            if isinstance(step, Exception):
                raise step
            yield step


async def told(*connections: list[Step]) -> list[str]:
    """Return the states that are told while the connections are played."""
    pool = ScriptedPool(*connections)
    heard: list[PoolStatus] = []
    ticks = iter(range(0, 10**9, 10**6))  # long runs, so that reconnecting needs no wait
    watcher = StatusWatcher(pool, heard.append, clock=lambda: float(next(ticks)))
    running = asyncio.create_task(watcher.run())
    await asyncio.wait_for(pool.exhausted.wait(), 10)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return [status.state for status in heard]


STATES: tuple[NodeState, ...] = ("loading", "ready", "ready", "unreachable")


async def test_changes_are_told_and_repetitions_are_not() -> None:
    state = StateEvent(accepting=True, nodes=[node("loading")])
    changes = [node(each) for each in STATES]
    assert await told([state, *changes]) == ["loading", "ready", "no-node"]


async def test_a_pool_without_room_is_told_until_it_has_some() -> None:
    ready = StateEvent(accepting=True, nodes=[node("ready")])
    full, free = AdmissionEvent(accepting=False), AdmissionEvent(accepting=True)
    assert await told([ready, full, free]) == ["ready", "load-shed", "ready"]


def test_a_node_behind_an_open_breaker_is_no_node_that_serves() -> None:
    resting = NodeStatus(name="pi", url="http://pi", state="unreachable", breaker="open")
    assert PoolPicture((resting,)).status().state == "circuit-open"
    assert PoolPicture((resting, node("ready", "vps"))).status().state == "ready"


async def test_a_pool_that_is_lost_is_told_and_found_again() -> None:
    ready = StateEvent(accepting=True, nodes=[node("ready")])
    assert await told([ready, PoolUnreachableError("gone")], [ready]) == [
        "ready",
        "no-node",
        "ready",
    ]


async def test_a_wrong_key_has_a_state_of_its_own() -> None:
    assert await told([PoolRefusalError("unauthorized", "wrong key")]) == ["unauthorized"]

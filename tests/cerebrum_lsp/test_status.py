"""What the editor is told of the pool's state."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from cerebrum_lsp.errors import PoolRefusalError, PoolUnreachableError
from cerebrum_lsp.picture import PoolPicture, PoolStatus
from cerebrum_lsp.pool import Pool, PoolEvent
from cerebrum_lsp.status import StatusBar, StatusWatcher, backoff_for
from orchestrator.wire import AdmissionEvent, KnownModel, NodeState, NodeStatus, StateEvent


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
    for breaker in ("open", "half-open"):
        left = NodeStatus(name="pi", url="http://pi", state="ready", breaker=breaker)
        assert PoolPicture((left,)).status().state == "circuit-open"
        assert PoolPicture((left, node("ready", "vps"))).status().state == "ready"


async def test_a_pool_that_is_lost_is_told_and_found_again() -> None:
    ready = StateEvent(accepting=True, nodes=[node("ready")])
    assert await told([ready, PoolUnreachableError("gone")], [ready]) == [
        "ready",
        "no-node",
        "ready",
    ]


async def test_a_wrong_key_has_a_state_of_its_own() -> None:
    assert await told([PoolRefusalError("unauthorized", "wrong key")]) == ["unauthorized"]


@pytest.mark.parametrize(("is_local", "longest_s"), [(True, 30.0), (False, 0.8)])
def test_a_pool_elsewhere_is_knocked_at_within_a_second_of_its_return(
    is_local: bool, longest_s: float
) -> None:
    backoff = backoff_for(is_local=is_local)
    for _ in range(20):
        backoff.on_end(0.0, 0.0, was_ready=False)
    assert backoff.wait_s(0.0) == longest_s


async def test_a_pool_that_is_not_there_is_told_once_however_often_it_is_looked_for() -> None:
    gone: list[Step] = [PoolUnreachableError("gone")]
    assert await told(gone, gone, gone) == ["no-node"]


NOW = 1_000.0


def resting(retry_after_s: float) -> NodeStatus:
    return NodeStatus(
        name="pi", url="http://pi", state="ready", breaker="open", retry_after_s=retry_after_s
    )


def test_the_time_of_the_next_try_is_told_and_does_not_tremble() -> None:
    picture = PoolPicture().after(StateEvent(accepting=True, nodes=[resting(10.0)]), NOW)
    assert picture.status().retry_at == NOW + 10
    picture = picture.after(resting(9.0), NOW + 1.2)
    assert picture.status().retry_at == NOW + 10, "the same time, told a little later"
    picture = picture.after(resting(20.0), NOW + 10)
    assert picture.status().retry_at == NOW + 30
    assert picture.status().to_params()["retryAt"] == NOW + 30
    picture = picture.after(node("ready"), NOW + 30)
    assert "retryAt" not in picture.status().to_params()


def test_a_pool_without_room_says_when_there_may_be_some() -> None:
    ready = PoolPicture().after(StateEvent(accepting=True, nodes=[node("ready")]), NOW)
    full = ready.after(AdmissionEvent(accepting=False, retry_after_s=2.0), NOW)
    assert (full.status().state, full.status().retry_at) == ("load-shed", NOW + 2)
    assert full.after(AdmissionEvent(accepting=True), NOW).status().retry_at is None


def test_what_a_node_works_on_is_no_news() -> None:
    idle, busy = node("ready"), NodeStatus(**{**node("ready").model_dump(), "in_flight": 3})
    assert PoolPicture((idle,)).status() == PoolPicture((busy,)).status()


def test_the_model_is_named_while_it_loads() -> None:
    status = PoolPicture((node("loading"),)).status()
    assert (status.message, status.model) == ("loading: m", "m")


def test_models_are_listed_with_the_nodes_that_can_run_them() -> None:
    vps = NodeStatus(name="vps", url="http://v", state="ready", model="m", models=["m", "big"])
    models = PoolPicture((node("ready"), vps)).models()
    assert {model: [n.name for n in nodes] for model, nodes in models.items()} == {
        "big": ["vps"],
        "m": ["pi", "vps"],
    }


def test_the_least_context_of_all_nodes_is_what_a_prompt_must_fit_into() -> None:
    def told(name: str, tokens: int | None, other: int | None) -> NodeStatus:
        known = [
            KnownModel(name="m", context_tokens=tokens),
            KnownModel(name="big", context_tokens=other),
        ]
        return NodeStatus(
            name=name,
            url="http://v",
            state="ready",
            model="m",
            context_tokens=tokens,
            known_models=known,
        )

    picture = PoolPicture(
        (told("pi", 2048, None), told("vps", 4096, 8192), told("new", None, None))
    )
    asked = (None, "m", "big", "unknown")
    assert [picture.context_tokens(model) for model in asked] == [2048, 2048, 8192, None]


async def test_a_generation_of_some_length_makes_the_status_busy() -> None:
    heard: list[str] = []
    told_busy = asyncio.Event()

    def tell(status: PoolStatus) -> None:
        heard.append(status.state)
        if status.state == "busy":
            told_busy.set()

    bar = StatusBar(tell)
    bar.show(PoolPicture((node("ready"),)).status())
    bar.work(1)
    bar.work(-1)
    assert heard == ["ready"], "what ends at once does not flicker"
    bar.work(1)
    bar.work(1)
    await asyncio.wait_for(told_busy.wait(), 10)
    bar.work(-1)
    assert bar.status.state == "busy"
    bar.work(-1)
    assert heard == ["ready", "busy", "ready"]


async def test_a_pool_in_trouble_is_not_called_busy() -> None:
    bar = StatusBar(lambda _: None)
    bar.show(PoolPicture(()).status())
    bar.work(1)
    assert bar.status.state == "no-node"
    bar.work(-1)

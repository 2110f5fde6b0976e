"""The pool's troubles as an editor sees them: a real orchestrator, a scripted node."""

import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from math import inf
from pathlib import Path

import httpx
import pytest
from lsprotocol import types

from orchestrator.wire import Stats
from tests.e2e.editor import Editor, editor
from tests.e2e.processes import Service, eventually, isolated, service
from tests.fakes import behaviours
from tests.fakes.node import FakeNode

pytestmark = pytest.mark.e2e

CODE = "first = 1\nsecond = "
GONE_WITHIN_S = 1.0  # after the recovery
ROUNDS = 3  # other tests may hold the processors for a second; a rule that is broken always is


@pytest.fixture
async def node() -> AsyncIterator[FakeNode]:
    async with FakeNode() as node:
        yield node


@pytest.fixture
async def orchestrator(tmp_path: Path, node: FakeNode) -> AsyncIterator[Service]:
    key_name = "CEREBRUM_ORCHESTRATOR_KEY"
    surroundings = {**isolated(tmp_path), "CEREBRUM_ORCHESTRATOR_BREAKER_COOLDOWN_S": "3"}
    async with service(
        "orchestrator", "--node", node.url, key_name=key_name, environment=surroundings
    ) as orchestrator:
        yield orchestrator


def environment(folder: Path, orchestrator: Service, key: str | None = None) -> dict[str, str]:
    return {
        **isolated(folder),
        "CEREBRUM_ORCHESTRATOR_URL": orchestrator.url,
        "CEREBRUM_ORCHESTRATOR_KEY": key or orchestrator.key,
    }


async def shown(client: Editor, *, pulls: bool) -> list[types.Diagnostic]:
    """Return what stands in the document, the way that this client gets it."""
    return await client.pull() if pulls else list(client.published[-1].diagnostics)


async def until_it_is_over(client: Editor, recover: Callable[[], Awaitable[object]]) -> float:
    """Recover; return after how many seconds the one diagnostic that stands was taken away."""
    told = client.times_told
    await recover()
    begun = time.monotonic()
    await client.until_diagnostics(told + 1)
    return time.monotonic() - begun


async def until_closed(orchestrator: Service) -> None:
    """Wait until the orchestrator has found that its one node serves again."""
    async with httpx.AsyncClient(base_url=orchestrator.url, headers=orchestrator.headers) as pool:

        async def is_closed() -> bool:
            stats = Stats.model_validate_json((await pool.get("/v1/stats")).content)
            return stats.nodes[0].breaker == "closed"

        await eventually(is_closed, "the closing of the circuit")


@pytest.mark.parametrize("pulls", [False, True], ids=["push", "pull"])
async def test_a_dead_node_is_forgotten_within_a_second_of_its_return(
    tmp_path: Path, node: FakeNode, orchestrator: Service, pulls: bool
) -> None:
    waits_s: list[float] = []
    async with editor(environment(tmp_path, orchestrator), pulls=pulls) as client:
        for round_ in range(ROUNDS):
            await client.until_state("ready")
            client.states.clear()
            told = client.times_told
            await node.die()
            assert await client.complete(f"{CODE}{round_}") is None
            await client.until_diagnostics(told + 1)
            waits_s.append(await until_it_is_over(client, node.start))
            assert await shown(client, pulls=pulls) == []
            if waits_s[-1] <= GONE_WITHIN_S:
                return
    pytest.fail(f"taken away after (s): {waits_s}")


@pytest.mark.parametrize("pulls", [False, True], ids=["push", "pull"])
async def test_a_dead_node_is_told_once_where_it_was_asked_and_taken_back_on_its_return(
    tmp_path: Path, node: FakeNode, orchestrator: Service, pulls: bool
) -> None:
    async with editor(environment(tmp_path, orchestrator), pulls=pulls) as client:
        await client.until_state("ready")
        await node.die()
        for key in "abc":
            assert await client.complete(f"{CODE}{key}") is None
        await client.until_diagnostics(1)
        (diagnostic,) = await shown(client, pulls=pulls)
        assert diagnostic.range.start.line == 1
        assert (diagnostic.severity, diagnostic.source) == (
            types.DiagnosticSeverity.Warning,
            "cerebrum",
        )
        assert "127.0.0.1" in diagnostic.message
        client.states.clear()
        await node.start()
        await client.until_diagnostics(2)
        assert await shown(client, pulls=pulls) == []
        assert client.times_told == 2, "told once, taken back once"
        assert bool(client.published) is not pulls, "pushed or pulled, never both"
        assert await client.complete(f"{CODE}d")


@pytest.mark.parametrize("pulls", [False, True], ids=["push", "pull"])
async def test_a_node_that_refuses_is_load_shed_with_a_time(
    tmp_path: Path, node: FakeNode, orchestrator: Service, pulls: bool
) -> None:
    node.behaviour = behaviours.refuse(503, retry_after_s=7)
    async with editor(environment(tmp_path, orchestrator), pulls=pulls) as client:
        await client.until_state("ready")
        assert await client.complete(CODE) is None
        await client.until_diagnostics(1)
        (diagnostic,) = await shown(client, pulls=pulls)
        assert (diagnostic.code, diagnostic.severity) == (
            "load-shed",
            types.DiagnosticSeverity.Information,
        )
        assert "next try after" in diagnostic.message
        node.behaviour = behaviours.ok()
        assert await client.complete(f"{CODE}1")
        await client.until_diagnostics(2)
        assert await shown(client, pulls=pulls) == []


async def test_a_refusal_is_taken_back_at_its_time_without_another_key(
    tmp_path: Path, node: FakeNode, orchestrator: Service
) -> None:
    """The pool was ready all the while: only this request had no place in it."""
    node.behaviour = behaviours.refuse(503, retry_after_s=1)
    async with editor(environment(tmp_path, orchestrator)) as client:
        await client.until_state("ready")
        assert await client.complete(CODE) is None
        await client.until_diagnostics(2)
        assert await shown(client, pulls=False) == []
        assert set(client.states) <= {"loading", "ready", "busy"}


@pytest.mark.parametrize("pulls", [False, True], ids=["push", "pull"])
async def test_a_wrong_key_is_an_error(tmp_path: Path, orchestrator: Service, pulls: bool) -> None:
    async with editor(environment(tmp_path, orchestrator, key="wrong"), pulls=pulls) as client:
        await client.until_state("unauthorized")
        assert await client.complete(CODE) is None
        await client.until_diagnostics(1)
        (diagnostic,) = await shown(client, pulls=pulls)
        assert (diagnostic.code, diagnostic.severity) == (
            "unauthorized",
            types.DiagnosticSeverity.Error,
        )


@pytest.mark.parametrize("pulls", [False, True], ids=["push", "pull"])
async def test_an_open_circuit_is_told_with_a_time_and_taken_back_when_it_closes(
    tmp_path: Path, node: FakeNode, orchestrator: Service, pulls: bool
) -> None:
    node.behaviour = behaviours.fail_after()
    async with editor(environment(tmp_path, orchestrator), pulls=pulls) as client:
        await client.until_state("ready")
        for key in "abcde":
            await client.complete(f"{CODE}{key}")
        await client.until_state("circuit-open")
        await client.until_diagnostics(1)
        (diagnostic,) = await shown(client, pulls=pulls)
        assert (diagnostic.code, diagnostic.severity) == (
            "circuit-open",
            types.DiagnosticSeverity.Warning,
        )
        assert diagnostic.range.start.line == 1
        assert "next try after" in diagnostic.message

        async def close() -> None:
            node.behaviour = behaviours.ok()
            await until_closed(orchestrator)

        assert await until_it_is_over(client, close) <= GONE_WITHIN_S
        assert await shown(client, pulls=pulls) == []
        assert await client.complete(f"{CODE}f")


@pytest.mark.parametrize("pulls", [False, True], ids=["push", "pull"])
async def test_an_orchestrator_that_is_gone_is_told_and_taken_back_on_its_return(
    tmp_path: Path, node: FakeNode, pulls: bool
) -> None:
    key_name = "CEREBRUM_ORCHESTRATOR_KEY"
    surroundings = isolated(tmp_path)
    async with service(
        "orchestrator", "--node", node.url, key_name=key_name, environment=surroundings
    ) as first:
        client_of = editor(environment(tmp_path, first), pulls=pulls)
        client = await client_of.__aenter__()
        await client.until_state("ready")
    waits_s: list[float] = []
    try:
        while len(waits_s) < ROUNDS and min(waits_s, default=inf) > GONE_WITHIN_S:
            await client.until_state("no-node")
            client.states.clear()
            told = client.times_told
            assert await client.complete(f"{CODE}{len(waits_s)}") is None
            await client.until_diagnostics(told + 1)
            (diagnostic,) = await shown(client, pulls=pulls)
            assert (diagnostic.code, diagnostic.range.start.line) == ("no-node", 1)
            assert "can't be reached" in diagnostic.message
            async with contextlib.AsyncExitStack() as stack:
                again = service(
                    "orchestrator",
                    *("--node", node.url, "--port", first.url.rpartition(":")[2]),
                    key_name=key_name,
                    environment=surroundings,
                )
                start = partial(stack.enter_async_context, again)
                waits_s.append(await until_it_is_over(client, start))
                assert await shown(client, pulls=pulls) == []
                assert await client.complete(f"{CODE}a{len(waits_s)}")
        assert min(waits_s) <= GONE_WITHIN_S, waits_s
    finally:
        await client_of.__aexit__(None, None, None)

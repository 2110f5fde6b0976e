"""The pool's troubles as an editor sees them: a real orchestrator, a scripted node."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from lsprotocol import types

from tests.e2e.editor import Editor, editor
from tests.e2e.processes import Service, isolated, service
from tests.fakes import behaviours
from tests.fakes.node import FakeNode

pytestmark = pytest.mark.e2e

CODE = "first = 1\nsecond = "


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
        assert len(client.published) + client.refreshes == 2, "told once, taken back once"
        assert bool(client.published) is not pulls, "pushed or pulled, never both"
        assert await client.complete(f"{CODE}d")


async def test_a_node_that_refuses_is_load_shed_with_a_time(
    tmp_path: Path, node: FakeNode, orchestrator: Service
) -> None:
    node.behaviour = behaviours.refuse(503, retry_after_s=7)
    async with editor(environment(tmp_path, orchestrator)) as client:
        await client.until_state("ready")
        assert await client.complete(CODE) is None
        await client.until_diagnostics(1)
        (diagnostic,) = await shown(client, pulls=False)
        assert (diagnostic.code, diagnostic.severity) == (
            "load-shed",
            types.DiagnosticSeverity.Information,
        )
        assert "next try after" in diagnostic.message
        node.behaviour = behaviours.ok()
        assert await client.complete(f"{CODE}1")
        await client.until_diagnostics(2)
        assert await shown(client, pulls=False) == []


async def test_a_wrong_key_is_an_error(tmp_path: Path, orchestrator: Service) -> None:
    async with editor(environment(tmp_path, orchestrator, key="wrong")) as client:
        await client.until_state("unauthorized")
        assert await client.complete(CODE) is None
        await client.until_diagnostics(1)
        (diagnostic,) = await shown(client, pulls=False)
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
        node.behaviour = behaviours.ok()
        await client.until_diagnostics(2)
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
    try:
        await client.until_state("no-node")
        assert await client.complete(CODE) is None
        await client.until_diagnostics(1)
        (diagnostic,) = await shown(client, pulls=pulls)
        assert (diagnostic.code, diagnostic.range.start.line) == ("no-node", 1)
        assert "can't be reached" in diagnostic.message
        async with service(
            "orchestrator",
            *("--node", node.url, "--port", first.url.rpartition(":")[2]),
            key_name=key_name,
            environment=surroundings,
        ):
            await client.until_diagnostics(2)
            assert await shown(client, pulls=pulls) == []
            assert await client.complete(f"{CODE}a")
    finally:
        await client_of.__aexit__(None, None, None)

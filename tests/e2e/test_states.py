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
    async with service(
        "orchestrator", "--node", node.url, key_name=key_name, environment=isolated(tmp_path)
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

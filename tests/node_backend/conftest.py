from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.node_backend.nodes import NodeProcess, running_node
from tests.reciting_model import write_reciting_model

# The first example of a machine that is busy with something else may take any time.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(scope="session")
def shared_node() -> Iterator[NodeProcess]:
    """A real node with the bundled model; tests that share it leave it idle and loaded."""
    with running_node() as node:
        yield node


@pytest.fixture
async def node(shared_node: NodeProcess) -> AsyncIterator[NodeProcess]:
    """The shared node, with a client in this test's event loop."""
    async with shared_node.client() as client:
        shared_node.http = client
        await shared_node.until_ready()
        yield shared_node


@pytest.fixture(scope="session")
def reciting_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that recites a known text until it is interrupted."""
    path = tmp_path_factory.mktemp("models") / "reciting.gguf"
    write_reciting_model(path)
    return path


@pytest.fixture(scope="session")
def shared_reciting_node(reciting_model: Path) -> Iterator[NodeProcess]:
    """A real node with the reciting model, likewise shared."""
    with running_node("--model", str(reciting_model), "--context", "8192") as node:
        yield node


@pytest.fixture
async def reciting_node(shared_reciting_node: NodeProcess) -> AsyncIterator[NodeProcess]:
    """The shared node with the reciting model, with a client in this test's event loop."""
    async with shared_reciting_node.client() as client:
        shared_reciting_node.http = client
        await shared_reciting_node.until_ready()
        yield shared_reciting_node
        await shared_reciting_node.until_slots(busy=0)


@pytest.fixture
async def own_node() -> AsyncIterator[NodeProcess]:
    """A node that the test may do anything to."""
    with running_node() as node:
        async with node.client() as client:
            node.http = client
            await node.until_ready()
            yield node

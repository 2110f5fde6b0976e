"""A pool with one scripted node whose model follows instructions."""

from collections.abc import AsyncIterator

import pytest

from node_backend.wire import ModelInfo
from tests.fakes.node import FakeNode
from tests.orchestrator.pool import Service, eventually, service

INSTRUCTED = "scripted-instruct"


@pytest.fixture
async def node() -> AsyncIterator[FakeNode]:
    async with FakeNode() as node:
        serve_model(node, INSTRUCTED)
        yield node


@pytest.fixture
async def pool(node: FakeNode) -> AsyncIterator[Service]:
    async with service(node) as running:
        await eventually(running, lambda nodes: bool(nodes[0]["models"]))
        yield running


def serve_model(node: FakeNode, name: str) -> None:
    """Let a node have one model, of that name."""
    node.models = [ModelInfo(name=name, size_bytes=1, loaded=True)]
    assert node.health is not None
    node.health = node.health.model_copy(update={"model": name})

"""What the engine still knows of a prompt when somebody comes back to it."""

import pytest

from cerebrum_kit.wire import Usage
from tests.node_backend.nodes import NodeProcess

pytestmark = pytest.mark.e2e


def code(name: str) -> str:
    return "".join(
        f"def {name}_{number}(argument):\n    return argument + {number}\n\n\n"
        for number in range(60)
    )


async def usage_of(node: NodeProcess, document: str, text: str, share: float) -> Usage:
    """Complete in a document, so far into its text."""
    at = text.index("\n", int(len(text) * share))
    infill = {"prefix": text[:at][-3000:], "suffix": text[at:][:600]}
    answer = await node.infer(infill=infill, cache_key=document, max_tokens=2)
    return answer.usage


def assert_cached(usage: Usage) -> None:
    assert usage.cached_tokens > 0.9 * usage.prompt_tokens


async def test_each_of_as_many_documents_as_slots_keeps_its_prompt(own_node: NodeProcess) -> None:
    for document in ("alpha", "beta"):
        assert (await usage_of(own_node, document, code(document), 0.9)).cached_tokens < 100
    for document in ("alpha", "beta", "alpha", "beta"):
        assert_cached(await usage_of(own_node, document, code(document), 0.9))


async def test_a_document_that_lost_its_slot_finds_its_prompt_again(own_node: NodeProcess) -> None:
    """In the engine's cache of prompts in memory."""
    for document in ("alpha", "beta", "gamma"):
        await usage_of(own_node, document, code(document), 0.9)
    for document in ("alpha", "gamma", "beta"):
        assert_cached(await usage_of(own_node, document, code(document), 0.9))


async def test_who_comes_back_to_an_earlier_place_finds_its_prompt_again(
    own_node: NodeProcess,
) -> None:
    text = code("alpha")
    await usage_of(own_node, "alpha", text, 0.9)
    assert (await usage_of(own_node, "alpha", text, 0.3)).cached_tokens < 300
    assert_cached(await usage_of(own_node, "alpha", text, 0.9))
    assert_cached(await usage_of(own_node, "alpha", text, 0.3))

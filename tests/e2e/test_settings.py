"""Settings and commands as an editor uses them: a real orchestrator, a scripted node."""

import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from tests.e2e.editor import URI, Editor, editor
from tests.e2e.processes import Service, isolated, service
from tests.fakes import behaviours
from tests.fakes.behaviours import MODEL
from tests.fakes.node import FakeNode

pytestmark = pytest.mark.e2e

CODE = "first = 1\nsecond = "
CONFIGURED = types.ClientCapabilities(
    workspace=types.WorkspaceClientCapabilities(
        configuration=True,
        did_change_configuration=types.DidChangeConfigurationClientCapabilities(
            dynamic_registration=True
        ),
    ),
    text_document=types.TextDocumentClientCapabilities(
        inline_completion=types.InlineCompletionClientCapabilities()
    ),
)
MENUS = types.ClientCapabilities(
    text_document=types.TextDocumentClientCapabilities(
        completion=types.CompletionClientCapabilities()
    )
)


@pytest.fixture
async def node() -> AsyncIterator[FakeNode]:
    async with FakeNode() as node:
        node.behaviour = behaviours.ok(["answer", "()"])
        yield node


@pytest.fixture
async def environment(tmp_path: Path, node: FakeNode) -> AsyncIterator[dict[str, str]]:
    async with orchestrator_of(tmp_path, node) as orchestrator:
        yield {
            **isolated(tmp_path),
            "CEREBRUM_ORCHESTRATOR_URL": orchestrator.url,
            "CEREBRUM_ORCHESTRATOR_KEY": orchestrator.key,
        }


def orchestrator_of(folder: Path, node: FakeNode) -> AbstractAsyncContextManager[Service]:
    key_name = "CEREBRUM_ORCHESTRATOR_KEY"
    environment = isolated(folder)
    return service("orchestrator", "--node", node.url, key_name=key_name, environment=environment)


async def outcome_of(client: Editor, text: str) -> str:
    await client.complete(text)
    return str((await client.outcome())["outcome"])


async def test_settings_are_pulled_and_take_effect_without_a_restart(
    environment: dict[str, str],
) -> None:
    async with editor(environment, capabilities=CONFIGURED) as client:
        await client.until_state("ready")
        await client.configure(enabled=False)
        assert await outcome_of(client, CODE) == "filtered:disabled"
        await client.configure(languages={"python": False})
        assert await outcome_of(client, CODE + "a") == "filtered:language-disabled"
        await client.configure(maxTokens="many", languages={"python": True})
        assert await outcome_of(client, CODE + "b") == "shown"
        (message,) = client.messages
        assert message.startswith("Cerebrum: maxTokens: Input should be a valid integer")


async def test_settings_are_taken_from_a_client_that_only_pushes(
    environment: dict[str, str],
) -> None:
    async with editor(environment, maxTokens=0) as client:
        await client.until_state("ready")
        settings = types.DidChangeConfigurationParams({"cerebrum": {"enabled": False}})
        client.workspace_did_change_configuration(settings)
        assert await outcome_of(client, CODE) == "filtered:disabled"
        settings = types.DidChangeConfigurationParams({"cerebrum": {"trigger": "manual"}})
        client.workspace_did_change_configuration(settings)
        assert await outcome_of(client, CODE + "a") == "shown", "it was asked for by hand"
        assert len(client.messages) == 1


async def test_completions_are_switched_for_the_session(environment: dict[str, str]) -> None:
    async with editor(environment) as client:
        await client.until_state("ready")
        switched = await client.command("cerebrum.setEnabled", False, "python")
        assert (switched["enabled"], switched["languages"]["python"]) == (True, False)
        assert await outcome_of(client, CODE) == "filtered:language-disabled"
        await client.command("cerebrum.setEnabled", None, "python")
        assert await outcome_of(client, CODE + "a") == "shown"


async def test_the_model_that_is_selected_is_asked_for(
    environment: dict[str, str], node: FakeNode
) -> None:
    async with editor(environment) as client:
        await client.until_state("ready")
        models = await client.command("cerebrum.selectModel")
        assert (models["selected"], models["models"][0]["name"], models["models"][0]["loaded"]) == (
            None,
            MODEL,
            True,
        )
        refused = await client.command("cerebrum.selectModel", "no-such-model")
        assert refused["selected"] is None
        assert "no-such-model" in refused["message"]
        assert (await client.command("cerebrum.selectModel", MODEL))["selected"] == MODEL
        assert await client.complete(CODE)
        assert node.asked[-1].model == MODEL
        with pytest.raises(JsonRpcException):
            await client.command("cerebrum.selectModel", 7)


async def test_a_pool_that_runs_elsewhere_is_connected_anew(environment: dict[str, str]) -> None:
    async with editor(environment) as client:
        await client.until_state("ready")
        answer = await client.command("cerebrum.restartPool")
        assert answer["restarted"] is False
        assert "runs elsewhere" in answer["message"]
        assert "ready" in answer["message"]
        assert await client.complete(CODE)


async def test_the_status_tells_the_model_the_nodes_and_the_pool(
    environment: dict[str, str],
) -> None:
    async with editor(environment) as client:
        await client.until_state("ready")
        assert client.states[0] == "loading", "told at once, before anything is known"
        status = await client.command("cerebrum.status")
        assert (status["state"], status["model"], status["nodes"][0]["state"]) == (
            "ready",
            MODEL,
            "ready",
        )
        assert status["pool"] == {"url": environment["CEREBRUM_ORCHESTRATOR_URL"], "isLocal": False}


async def test_an_open_circuit_says_when_it_is_tried_again(
    environment: dict[str, str], node: FakeNode
) -> None:
    node.behaviour = behaviours.fail_after([])
    async with editor(environment) as client:
        await client.until_state("ready")
        for key in "abc":
            await client.complete(f"{CODE}{key}")
        await client.until_state("circuit-open")
        status = client.statuses[client.states.index("circuit-open")]
        assert 0 < status.retryAt - time.time() < 30
        assert status.nodes[0].state == "circuit-open"
        record = await client.outcome()
        assert "failed too often" in record["explanation"] or record["outcome"] != "circuit-open"


async def test_a_log_level_that_there_is_not_keeps_nobody_from_completing(
    environment: dict[str, str],
) -> None:
    async with editor({**environment, "CEREBRUM_LOG_LEVEL": "LOUD"}) as client:
        await client.until_state("ready")
        assert await client.complete(CODE)


async def test_what_is_accepted_is_counted(environment: dict[str, str]) -> None:
    async with editor(environment) as client:
        await client.until_state("ready")
        text = await client.complete(CODE)
        client.open(f"{CODE}{text}")
        counts = await client.command("cerebrum.accepted")
        assert (counts["offered"], counts["whole"], counts["characters"]) == (1, 1, len(str(text)))
        counts = await client.command("cerebrum.accepted", {"uri": URI, "kind": "whole"})
        assert counts["whole"] == 1, "reported as well as recognised"
        with pytest.raises(JsonRpcException):
            await client.command("cerebrum.accepted", {"uri": URI, "kind": "half"})


async def test_an_editor_without_inline_completion_gets_the_text_in_its_menu(
    environment: dict[str, str],
) -> None:
    async with editor(environment, capabilities=MENUS, completionItemsWaitMs=5000) as client:
        await client.until_state("ready")
        client.open("first = 1\nsecond = fir")
        answer = await client.menu(1, 12)
        (item,) = answer.items
        assert answer.is_incomplete
        assert isinstance(item.text_edit, types.TextEdit)
        start, end = item.text_edit.range.start, item.text_edit.range.end
        assert (start.line, start.character, end.line, end.character) == (1, 9, 1, 12)
        assert item.text_edit.new_text == item.insert_text == "firanswer()"
        assert item.filter_text == "firanswer()"


async def test_a_menu_does_not_wait_and_gets_the_text_when_it_asks_again(
    environment: dict[str, str], node: FakeNode
) -> None:
    async with editor(environment, capabilities=MENUS, completionItemsWaitMs=0) as client:
        await client.until_state("ready")
        client.open(CODE)
        assert not (await client.menu(1, 9)).items
        await node.next_request()
        found: list[types.CompletionItem] = []
        while not found:
            found = list((await client.menu(1, 9)).items)
        assert found[0].insert_text == "answer()"
        assert len(node.asked) == 1

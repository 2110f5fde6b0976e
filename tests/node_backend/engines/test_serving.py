"""A node in front of a server that somebody else runs: chosen, listed, asked, and gone."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from node_backend.config import Settings
from node_backend.hosted_models import hosted_catalog
from tests.node_backend.engines import recorded
from tests.node_backend.engines.replay import Replay, Reply, lines, replaying, whole
from tests.node_backend.engines.subjects import OLLAMA, OPENAI, hosted
from tests.node_backend.nodes import NodeProcess, clean_environment, running_node

HOLE = {"prefix": "def f(", "suffix": "): ..."}


def refused(*arguments: str, status: int = 2) -> str:
    """Return what `serve` says when its settings make no sense."""
    result = subprocess.run(
        [sys.executable, "-m", "node_backend", "serve", "--port", "0", *arguments],
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == status
    assert "Traceback" not in result.stderr
    return result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--engine", "gpt"], "engine"),
        (["--engine", "openai", "--model", "m"], "needs --engine-url"),
    ],
)
def test_an_engine_that_cannot_be_reached_is_refused_at_the_start(
    arguments: list[str], words: str
) -> None:
    assert words in refused(*arguments)


def test_the_key_of_an_engine_is_not_given_on_the_command_line() -> None:
    page = subprocess.run(
        [sys.executable, "-m", "node_backend", "serve", "--help"],
        env={**clean_environment(), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    assert "--engine-url" in page
    assert "CEREBRUM_NODE_ENGINE_KEY" in page
    assert "--engine-key" not in page


def test_the_engine_is_chosen_by_the_environment_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CEREBRUM_NODE_ENGINE", "ollama")
    monkeypatch.setenv("CEREBRUM_NODE_ENGINE_KEY", "secret")
    monkeypatch.setenv("CEREBRUM_MODEL", "qwen2.5-coder:1.5b")
    monkeypatch.setenv("OLLAMA_HOST", "gpu-box:1234")
    settings = Settings()
    assert (settings.engine, settings.engine_key, settings.ollama_host, str(settings.model)) == (
        "ollama",
        "secret",
        "gpu-box:1234",
        "qwen2.5-coder:1.5b",
    )


async def test_the_chosen_model_comes_first_and_the_servers_others_can_be_named() -> None:
    async with hosted("ollama", model=Path("CodeLlama:13b")) as served:
        catalog = await asyncio.to_thread(hosted_catalog, served.settings)
        assert [model.name for model in catalog.models] == ["CodeLlama:13b", "llama3:latest"]
        assert catalog.default.size_bytes == 7365960935
        assert (await catalog.find("llama3")).name == "llama3:latest"
        served.server.replies["/api/tags"] = [whole(recorded.OLLAMA_TAGS)]
        before = catalog.default
        await catalog.refresh()
        assert catalog.default == before


async def test_a_server_that_does_not_answer_still_has_the_chosen_model() -> None:
    async with hosted("openai", {"/v1/models": [Reply(status=500)]}) as served:
        catalog = await asyncio.to_thread(hosted_catalog, served.settings)
        assert [model.name for model in catalog.models] == ["Qwen/Qwen2.5-Coder-7B"]


@pytest.mark.parametrize(
    ("names", "loaded", "best"),
    [
        (["llama3:8b", "qwen2.5-coder:7b", "codellama:7b"], "llama3:8b", "qwen2.5-coder:7b"),
        (["qwen2.5-coder:7b", "codellama:7b"], "codellama:7b", "codellama:7b"),
        (["llama3:8b", "mistral:7b"], "mistral:7b", "mistral:7b"),
        (["llama3:8b", "mistral:7b"], "none", "llama3:8b"),
    ],
)
async def test_where_no_model_is_chosen_one_that_can_fill_in_is(
    names: list[str], loaded: str, best: str
) -> None:
    replies = {
        "/api/tags": [whole({"models": [{"name": name, "size": 1} for name in names]})],
        "/api/ps": [whole({"models": [{"name": loaded}]})],
    }
    async with hosted("ollama", replies) as served:
        settings = served.settings.model_copy(update={"model": None})
        catalog = await asyncio.to_thread(hosted_catalog, settings)
        assert catalog.default.name == best
        assert sorted(model.name for model in catalog.models) == sorted(names)


def test_without_a_model_and_a_server_it_says_what_to_do() -> None:
    message = refused("--engine", "ollama", "--engine-url", "http://127.0.0.1:9", status=1)
    assert "name one with --model" in message


@asynccontextmanager
async def node_before(
    server: Replay, engine: str, model: str, **environment: str
) -> AsyncIterator[NodeProcess]:
    path = "/v1" if engine == "openai" else ""
    arguments = ["--engine", engine, "--model", model, "--engine-url", server.url + path]
    # The node is started in a thread: it asks this event loop's server before it announces itself.
    running = running_node(*arguments, CEREBRUM_NODE_MIN_MEMORY_AVAILABLE_MIB="0", **environment)
    node = await asyncio.to_thread(running.__enter__)
    try:
        async with node.client() as node.http:
            yield node
    finally:
        await asyncio.to_thread(running.__exit__, None, None, None)


@pytest.mark.e2e
async def test_a_node_serves_what_ollama_computes() -> None:
    async with replaying(OLLAMA) as server, node_before(server, "ollama", "codellama:13b") as node:
        await node.until_ready()
        answer = await node.infer(infill=HOLE, max_tokens=5)
        assert (answer.text, answer.model) == ("The sky", "codellama:13b")
        assert answer.usage.completion_tokens == 259
        assert answer.timings.load_ms >= 6338
        assert answer.timings.prefill_ms == pytest.approx(130.079)
        assert server.bodies("/api/generate")[-1]["suffix"] == "): ..."
        models = (await node.http.get("/v1/models")).json()["models"]
        assert [(each["name"], each["loaded"]) for each in models] == [
            ("codellama:13b", True),
            ("llama3:latest", True),
        ]
        assert models[0]["size_bytes"] == 7365960935
        assert (await node.stats()).engine == "ollama"
        cleanup = await node.http.post("/v1/cleanup")
        assert cleanup.json()["unloaded"] == ["codellama:13b"]
        assert server.bodies("/api/generate")[-1]["keep_alive"] == 0


@pytest.mark.e2e
async def test_a_node_frees_what_nobody_waits_for_any_more() -> None:
    held = {"/api/generate": [lines(recorded.OLLAMA_FIRST, is_held=True)]}
    async with (
        replaying({**OLLAMA, **held}) as server,
        node_before(server, "ollama", "codellama:13b") as node,
    ):
        await node.until_ready()
        async with node.streaming_until("token", infill=HOLE):
            pass
        async with asyncio.timeout(20):
            await server.left.wait()


@pytest.mark.e2e
async def test_a_node_says_what_is_wrong_with_its_server() -> None:
    missing = {"/v1/models": [whole({"object": "list", "data": []})]}
    async with (
        replaying({**OPENAI, **missing}) as server,
        node_before(server, "openai", "m", CEREBRUM_NODE_ENGINE_KEY="sesame") as node,
    ):
        response = await node.ask(infill=HOLE)
        assert response.status_code == 502
        assert response.json()["error"]["code"] == "model-failed"
        health = await node.health()
        assert (health.status, health.state) == ("down", "failed")
        assert health.reason == "the server has no model m"
        assert {each.headers["authorization"] for each in server.asked} == {"Bearer sesame"}

"""Ollama and llama-server as nodes, with no agent on them: another pool speaks as they do."""

import pytest

from cerebrum_kit.serving import listen
from orchestrator.node_config import NodeConfig
from tests.fakes.behaviours import MODEL
from tests.fakes.node import FakeNode
from tests.orchestrator.pool import eventually, service

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("http://gpu:9000", "cerebrum"),
        ("http://gpu:11434", "ollama"),
        ("http://gpu:8080/", "llama-server"),
        ("http://gpu", "cerebrum"),
    ],
)
def test_kind_follows_the_usual_ports(url: str, kind: str) -> None:
    assert NodeConfig.model_validate(url).kind == kind
    assert NodeConfig.model_validate({"url": url, "kind": "ollama"}).kind == "ollama"


@pytest.mark.parametrize("kind", ["ollama", "llama-server"])
async def test_plain_host_serves_as_a_node(kind: str) -> None:
    async with FakeNode() as node, service(node) as plain:
        host = NodeConfig.model_validate({"url": plain.url, "kind": kind, "name": "gpu"})
        async with service(hosts=[host]) as pool:
            await eventually(pool, lambda nodes: nodes[0]["state"] == "ready")
            messages = [{"role": "user", "content": "hello?"}]
            answer = await pool.ask(prompt=None, messages=messages)
            assert answer.status_code == 200, answer.text
            told = answer.json()
            assert (told["text"], told["node"], told["model"]) == ("hello world", "gpu", MODEL)
            infill = await pool.ask(prompt=None, infill={"prefix": "a = ", "suffix": "\n"})
            assert infill.status_code == 200, infill.text


async def test_plain_host_that_is_not_there_is_looked_for_again() -> None:
    listener = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    listener.close()
    host = NodeConfig.model_validate({"url": url, "kind": "ollama", "name": "gpu"})
    async with service(hosts=[host]) as pool:
        nodes = await eventually(pool, lambda nodes: nodes[0]["state"] == "unreachable")
        assert nodes[0]["reason"] == f"{url} does not answer as it should"
        assert (await pool.ask()).status_code == 503

"""What a scan finds, and what it refuses to look at."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
from typer.testing import CliRunner

from orchestrator.cli import app
from orchestrator.errors import ConfigError
from orchestrator.scan import Found, Kind, addresses, as_configuration, scan
from tests.fakes.exchange import read_exchange
from tests.fakes.node import FakeNode


@pytest.mark.parametrize(
    ("network", "count"), [("127.0.0.1/32", 1), ("192.168.7.0/24", 254), ("10.1.2.3/30", 2)]
)
def test_addresses_of_a_network(network: str, count: int) -> None:
    assert len(addresses(network)) == count


@pytest.mark.parametrize(
    ("network", "words"),
    [("nonsense", "no network"), ("8.8.8.0/24", "not private"), ("10.0.0.0/8", "more than 4096")],
)
def test_network_that_is_not_scanned(network: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        addresses(network)
    shown = CliRunner().invoke(app, ["scan", network])
    assert shown.exit_code == 1
    assert words in shown.output


@asynccontextmanager
async def plain_host(answers: Mapping[str, object]) -> AsyncIterator[int]:
    """Run a server that answers JSON to some paths; yields its port."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (exchange := await read_exchange(reader, writer)) is not None:
            await exchange.answer_json(answers.get(exchange.path, {}))
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_scan_tells_what_answers() -> None:
    tags = {"/api/tags": {"models": [{"name": f"m{at}"} for at in range(5)]}}
    async with (
        FakeNode() as node,
        plain_host(tags) as ollama,
        plain_host({"/v1/models": {"data": [{"id": "qwen"}]}}) as llama,
        plain_host({}) as other,
    ):
        ports: dict[int, Kind] = {
            node.port: "cerebrum",
            ollama: "ollama",
            llama: "llama-server",
            other: "cerebrum",
            1: "rpc",
        }
        seen: list[Found] = []
        found = await scan(["127.0.0.1"], ports, seen.append)
        assert [(each.kind, each.says) for each in found] == [
            ("cerebrum", "fake-model, accepting"),
            ("ollama", "m0, m1, m2 and 2 more"),
            ("llama-server", "qwen"),
        ]
        assert sorted(seen, key=found.index) == found
        assert not node.requests


def test_found_is_shown_as_configuration() -> None:
    found = [Found("10.0.0.2", 11434, "ollama", ""), Found("10.0.0.3", 50052, "rpc", "")]
    assert as_configuration(found) == (
        '[[nodes]]\nurl = "http://10.0.0.2:11434"\nkind = "ollama"\n'
    )

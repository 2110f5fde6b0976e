"""Nodes at https addresses whose certificates the system doesn't trust, but their owner does."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cerebrum_kit.serving import Tls
from orchestrator.cli import app
from orchestrator.config_check import check
from tests.fakes.behaviours import MODEL
from tests.fakes.node import FakeNode
from tests.orchestrator.pool import eventually, service
from tests.tls import needs_openssl, self_signed


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def node(tls: Tls) -> AsyncIterator[FakeNode]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.certificate, tls.key)
    async with FakeNode(key="secret", tls=context) as node:
        yield node


@needs_openssl
async def test_node_whose_certificate_is_vouched_for_serves(node: FakeNode, tls: Tls) -> None:
    async with service(node, node_ca=tls.certificate) as pool:
        await eventually(pool, lambda nodes: nodes[0]["state"] == "ready")
        events = await pool.ask_stream()
        assert events[-1][1]["model"] == MODEL
        assert (await pool.ask()).json()["text"] == "hello world"


@needs_openssl
async def test_node_whose_certificate_nobody_vouches_for_is_told_nothing(node: FakeNode) -> None:
    async with service(node) as pool:
        (status,) = await eventually(pool, lambda nodes: nodes[0]["state"] == "unreachable")
        assert "self-signed certificate" in status["reason"]
        assert "`node_ca`" in status["reason"]
        assert (await pool.ask()).status_code == 503
    assert not node.requests


@needs_openssl
async def test_certificate_for_another_machine_is_no_good(tmp_path: Path) -> None:
    other = self_signed(tmp_path, whose="DNS:elsewhere.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(other.certificate, other.key)
    async with FakeNode(tls=context) as node, service(node, node_ca=other.certificate) as pool:
        (status,) = await eventually(pool, lambda nodes: nodes[0]["state"] == "unreachable")
        assert "IP address mismatch" in status["reason"]


@needs_openssl
@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "can't be read: No such file or directory"),
        ("", "has no certificate in PEM form"),
        ("-----BEGIN CERTIFICATE-----\nnonsense\n", "has no certificate in PEM form"),
    ],
)
def test_file_that_can_vouch_for_nobody_is_a_fault(
    tmp_path: Path, content: str | None, fault: str
) -> None:
    file, ca = tmp_path / "pool.toml", tmp_path / "ca.pem"
    file.write_text(f"port = 7000\nnode_ca = '{ca}'\n")
    if content is not None:
        ca.write_text(content)
    assert check(file) == [f"{file}:2: node_ca: {ca} {fault}"]


@needs_openssl
def test_file_that_can_vouch_is_good(
    tmp_path: Path, tls: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CEREBRUM_NODE_CA", str(tls.certificate))
    result = CliRunner().invoke(app, ["check"])
    assert result.exit_code == 0, result.output
    monkeypatch.setenv("CEREBRUM_NODE_CA", str(tls.key))
    result = CliRunner().invoke(app, ["check"])
    assert result.exit_code == 1
    assert "CEREBRUM_NODE_CA: " in result.output

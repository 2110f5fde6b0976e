"""HTTPS by option: a node with a certificate of its own."""

import ssl
from pathlib import Path

import httpx
import pytest

from cerebrum_kit.serving import Tls, TlsFilesError
from tests.node_backend.nodes import KEY, running_node
from tests.node_backend.test_cli import run
from tests.node_backend.waiting import PATIENCE_S
from tests.tls import needs_openssl, self_signed


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    """A certificate for this machine, signed by itself, and its key."""
    return self_signed(tmp_path_factory.mktemp("tls"))


@needs_openssl
@pytest.mark.e2e
async def test_with_a_certificate_a_node_speaks_https_and_nothing_else(tls: Tls) -> None:
    options = ["--tls-certificate", str(tls.certificate), "--tls-key", str(tls.key)]
    trusted = ssl.create_default_context(cafile=str(tls.certificate))
    with running_node(*options) as node:
        node.url = f"https://127.0.0.1:{node.port}"
        async with httpx.AsyncClient(
            base_url=node.url, headers={"X-API-Key": KEY}, timeout=PATIENCE_S, verify=trusted
        ) as node.http:
            await node.until_ready()
            assert (await node.infer(prompt="import ", max_tokens=2)).total_tokens == 2
            events = await node.collect(prompt="import ", max_tokens=2)
            assert events[-1][1]["done"] is True
        async with httpx.AsyncClient(timeout=PATIENCE_S) as untrusting:
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await untrusting.get(f"{node.url}/health")
            with pytest.raises(httpx.RemoteProtocolError):
                await untrusting.get(f"http://127.0.0.1:{node.port}/health")


@needs_openssl
def test_files_that_do_not_belong_together_or_are_missing_are_an_error(
    tls: Tls, tmp_path: Path
) -> None:
    tls.check()
    nothing = tmp_path / "empty.pem"
    nothing.write_text("")
    for broken in (Tls(tls.key, tls.key), Tls(tls.certificate, nothing), Tls(nothing, tls.key)):
        with pytest.raises(TlsFilesError, match=r"can't serve TLS.* without a pass phrase"):
            broken.check()
    missing = tmp_path / "missing.pem"
    for absent in (Tls(missing, tls.key), Tls(tls.certificate, missing)):
        with pytest.raises(TlsFilesError, match=r"missing\.pem can't be read: No such file"):
            absent.check()
    (tmp_path / "other").mkdir()
    other = self_signed(tmp_path / "other")
    with pytest.raises(TlsFilesError, match="the key is another certificate's"):
        Tls(tls.certificate, other.key).check()


@pytest.mark.e2e
def test_a_certificate_that_can_not_be_used_is_said_in_one_line(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.pem")
    result = run("serve", "--port", "0", "--tls-certificate", missing, "--tls-key", missing)
    assert result.returncode == 1
    assert "can't serve TLS" in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr


@pytest.mark.e2e
def test_a_certificate_without_its_key_is_an_error() -> None:
    result = run("serve", "--port", "0", "--tls-certificate", "cert.pem")
    assert result.returncode == 2
    assert "only together" in result.stderr

"""The command line: what it says, what it refuses, what it takes from the environment."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from node_backend.config import Settings
from node_backend.models import bundled_path, catalog
from tests.node_backend.nodes import clean_environment, running_node


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the node's command line to its end."""
    return subprocess.run(
        [sys.executable, "-m", "node_backend", *arguments],
        env={**clean_environment(), "CEREBRUM_API_KEY": "", **environment, "COLUMNS": "200"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_names_every_option() -> None:
    page = run("serve", "--help").stdout
    for option in ("--host", "--port", "--model", "--llama-server", "--slots", "--threads"):
        assert option in page
    for option in ("--context", "--announce", "--log-level", "--log-file", "CEREBRUM_API_KEY"):
        assert option in page


def test_help_does_not_load_what_only_serving_needs() -> None:
    code = "import sys, node_backend.cli; print('fastapi' in sys.modules, 'httpx' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert result.stdout.split() == ["False", "False"]


def test_beyond_this_machine_it_does_not_listen_without_a_key() -> None:
    result = run("serve", "--host", "0.0.0.0", "--port", "0")  # noqa: S104 - this is what it refuses
    assert result.returncode == 1
    assert "without a key" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_port_in_use_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = run("serve", "--port", str(taken.getsockname()[1]))
    assert result.returncode == 1
    assert "--port" in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "named"),
    [
        (["--port", "70000"], {}, "port"),
        (["--slots", "0"], {}, "slots"),
        ([], {"CEREBRUM_NODE_QUEUE_LIMIT": "many"}, "queue_limit"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(
    arguments: list[str], environment: dict[str, str], named: str
) -> None:
    result = run("serve", *arguments, **environment)
    assert result.returncode == 2
    assert named in result.stderr
    assert "Traceback" not in result.stderr


def test_settings_come_from_the_environment_and_options_win(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CEREBRUM_API_KEY", "secret")
    monkeypatch.setenv("CEREBRUM_MODEL", "/models/a.gguf")
    monkeypatch.setenv("CEREBRUM_NODE_SLOTS", "4")
    monkeypatch.setenv("MODEL", "/not/mine.gguf")
    settings = Settings(slots=3)
    assert (settings.api_key, settings.model, settings.slots) == (
        "secret",
        Path("/models/a.gguf"),
        3,
    )


def test_empty_variables_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CEREBRUM_API_KEY", "")
    monkeypatch.setenv("CEREBRUM_MODEL", "")
    settings = Settings()
    assert (settings.api_key, settings.model) == (None, None)


def test_without_a_model_the_bundled_one_is_served() -> None:
    model = catalog(Settings(model=None)).default
    assert (model.name, model.path, model.context_tokens) == (
        "cerebrum-tiny",
        bundled_path(),
        2048,
    )
    assert model.size_bytes > 1_000_000


@pytest.mark.parametrize(("given", "context"), [(None, 4096), (1024, 1024)])
def test_a_model_of_ones_own_is_called_by_its_file(given: int | None, context: int) -> None:
    model = catalog(Settings(model=Path("/models/My-Model.Q4.gguf"), context_tokens=given)).default
    assert (model.name, model.context_tokens, model.size_bytes) == ("My-Model.Q4", context, 0)


@pytest.mark.e2e
async def test_without_a_key_it_serves_this_machine(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "node.log"
    with running_node("--log-file", str(log), CEREBRUM_API_KEY="") as node:
        async with node.client() as node.http:
            node.http.headers.pop("X-API-Key")
            await node.until_ready()
            await node.infer(prompt="def private", max_tokens=2)
    written = log.read_text()
    assert "node.listening" in written
    assert "request.completed" in written
    assert "private" not in written
    assert log.parent.stat().st_mode & 0o077 == 0

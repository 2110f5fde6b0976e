"""Configuration: what wins over what, and what is said about faults."""

from pathlib import Path

import pytest

from orchestrator.config import load
from orchestrator.errors import ConfigError
from orchestrator.run import for_one_user

FILE = """
port = 7100
max_concurrent = 4

[[nodes]]
name = "cm4"
url = "http://10.0.0.2:9000"
key = "own"

[[nodes]]
url = "http://10.0.0.3:9000/"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pool.toml"
    path.write_text(FILE)
    return path


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CEREBRUM_NODES", "CEREBRUM_NODE_KEY", "CEREBRUM_ORCHESTRATOR_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_nothing_given_is_loopback_without_nodes() -> None:
    config = load()
    assert (config.host, config.port, config.key, config.nodes) == ("127.0.0.1", 7000, None, ())


def test_file_names_nodes_and_keys(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CEREBRUM_NODE_KEY", "common")
    config = load(file)
    assert [node.name for node in config.nodes] == ["cm4", "10.0.0.3:9000"]
    assert [config.key_of(node) for node in config.nodes] == ["own", "common"]
    assert (config.port, config.max_concurrent) == (7100, 4)


def test_environment_wins_over_the_file_and_the_command_line_over_both(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CEREBRUM_ORCHESTRATOR_PORT", "7200")
    monkeypatch.setenv("CEREBRUM_ORCHESTRATOR_KEY", "secret")
    monkeypatch.setenv("CEREBRUM_NODES", "http://a:9000, http://b:9000")
    config = load(file)
    assert config.port == 7200
    assert [node.name for node in config.nodes] == ["a:9000", "b:9000"]
    config = load(file, port=7300, nodes=["http://c:9000"])
    assert config.port == 7300
    assert [node.url for node in config.nodes] == ["http://c:9000"]


def test_keys_do_not_show(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CEREBRUM_ORCHESTRATOR_KEY", "secret-one")
    assert "secret-one" not in repr(load(file))
    assert "own" not in repr(load(file).nodes)


def test_empty_names_in_the_environment_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CEREBRUM_NODES", "CEREBRUM_NODE_KEY", "CEREBRUM_ORCHESTRATOR_KEY"):
        monkeypatch.setenv(name, "")
    config = load(local=True)
    assert (config.nodes, config.node_key, config.key) == ((), None, None)
    assert for_one_user(config).key is not None


FAULTS = [
    ("key = ''", "key"),
    ("port = 70000", "port"),
    ("port = 'x", "pool.toml"),
    ("[[nodes]]\nname = 'x'", "url"),
    ("[[nodes]]\nurl = 'ftp://x'", "url"),
    ("[[nodes]]\nurl = 'http://x:1'\nkeys = 'sesame'", "keys"),
    ("[[nodes]]\nurl = 'http://x:1'\n[[nodes]]\nurl = 'http://x:1'", "two nodes"),
    ("local = true\n[[nodes]]\nname = 'local'\nurl = 'http://x:1'", "local"),
]


@pytest.mark.parametrize(("text", "named"), FAULTS)
def test_fault_is_named_and_no_key_is_repeated(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "pool.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert named in caught.value.message
    assert "sesame" not in caught.value.message


def test_file_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no configuration file"):
        load(tmp_path / "none.toml")


def test_pool_of_one_user_is_loopback_on_any_port_with_a_key_of_its_own() -> None:
    one, two = (for_one_user(load(local=True, host="0.0.0.0")) for _ in range(2))  # noqa: S104
    assert (one.host, one.port) == ("127.0.0.1", 0)
    assert one.key is not None
    assert one.key != two.key


def test_pool_of_one_user_keeps_the_port_and_the_key_that_are_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CEREBRUM_ORCHESTRATOR_KEY", "given")
    config = for_one_user(load(local=True, port=7400))
    assert config.port == 7400
    assert config.key is not None
    assert config.key.get_secret_value() == "given"

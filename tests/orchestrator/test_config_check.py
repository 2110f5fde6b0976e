"""`cerebrum-orchestrator check`: what is wrong, and on which line."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from orchestrator.cli import app
from orchestrator.config import load
from orchestrator.config_check import check, locations

EARLIER: list[tuple[str, str, str, object]] = [
    ("SOLLOL_DEFAULT_ROUTING_MODE", "async", "default_mode", "async"),
    ("SOLLOL_PARALLEL_REQUESTS", "false", "places", 1),
    ("SOLLOL_MAX_CONCURRENT_REQUESTS", "4", "max_concurrent", 4),
    ("SOLLOL_VRAM_MONITORING", "false", "vram_monitoring", False),
    ("SOLLOL_MIN_VRAM_MB", "250", "min_vram_mb", 250),
    ("HYDRA_REASONING_MODE", "always", "reasoning_mode", "always"),
    ("HYDRA_REASONING_MODEL", "qwen3:14b", "reasoning_model", "qwen3:14b"),
    ("HYDRA_USE_REASONING_MODEL", "false", "use_reasoning_model", False),
    ("HYDRA_MAX_THINKING_TOKENS", "3000", "max_thinking_tokens", 3000),
    ("HYDRA_DEEP_THINKING_THRESHOLD", "8.5", "deep_thinking_threshold", 8.5),
]


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CEREBRUM_NODES", "CEREBRUM_NODE_KEY", "CEREBRUM_ORCHESTRATOR_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, *_ in EARLIER:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(("name", "value", "field", "expected"), EARLIER)
def test_names_of_earlier_programs(
    name: str, value: str, field: str, expected: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert getattr(load(), field) != expected
    monkeypatch.setenv(name, value)
    assert getattr(load(), field) == expected


def test_own_name_before_the_earlier_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "pool.toml"
    file.write_text("max_concurrent = 5\n")
    assert load(file).max_concurrent == 5
    monkeypatch.setenv("SOLLOL_MAX_CONCURRENT_REQUESTS", "6")
    assert load(file).max_concurrent == 6
    monkeypatch.setenv("CEREBRUM_ORCHESTRATOR_MAX_CONCURRENT", "7")
    assert load(file).max_concurrent == 7
    assert load(file, max_concurrent=8).max_concurrent == 8


TEXT = """# a pool
port = 7100
host = '''
127.0.0.1'''

[tiers]
code = [
  "a",
]

[[nodes]]
url = "http://a:9000"

[[nodes]]
name = "b"
url = "http://b:9000"
"""


def test_locations() -> None:
    assert dict(locations(TEXT)) == {
        ("port",): 2,
        ("host",): 3,
        ("tiers",): 6,
        ("tiers", "code"): 7,
        ("nodes", 0): 11,
        ("nodes", 0, "url"): 12,
        ("nodes", 1): 14,
        ("nodes", 1, "name"): 15,
        ("nodes", 1, "url"): 16,
    }


FAULTS: list[tuple[str, str, str]] = [
    ("a number out of range", "host = 'x'\nport = 70000\n", ":2: port:"),
    ("broken TOML", "port = 1\nhost = 'x\n", "line 2"),
    ("a misspelt name", "\n\nprot = 1\n", ":3: there is no setting prot; is it port?"),
    (
        "a bad address",
        "[[nodes]]\nurl = 'http://a'\n[[nodes]]\nurl = 'b:9000'\n",
        ":4: nodes.1.url: an address is http://HOST:PORT or https://HOST:PORT",
    ),
    ("no address", "[[nodes]]\nurl = 'http://a'\n\n[[nodes]]\nname = 'b'\n", ":4: nodes.1.url"),
    (
        "an unknown word in a node",
        "[[nodes]]\nurl = 'http://a'\nkeys = 'sesame'\n",
        ":3: nodes.0.keys: there",
    ),
    ("two of a name", "[[nodes]]\nurl = 'http://a'\n[[nodes]]\nurl = 'http://a'\n", "two nodes"),
    ("an earlier program's field", "reasoning_mode = 'maybe'\n", ":1: "),
]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in FAULTS],
                         ids=[row[0] for row in FAULTS])  # fmt: skip
def test_faults(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "pool.toml"
    file.write_text(text)
    [told] = check(file)
    assert told.startswith(str(file))
    assert expected in told
    assert "sesame" not in told


def test_all_faults_are_told_from_top_to_bottom(tmp_path: Path) -> None:
    file = tmp_path / "pool.toml"
    file.write_text("port = 70000\nmax_queued = -1\nprot = 1\n" + 8 * "\n" + "drain_s = 9\n")
    lines = [told.split(":")[1] for told in check(file)]
    assert lines == ["1", "2", "3", "12"]


def test_fault_of_the_environment_has_no_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "pool.toml"
    file.write_text("max_concurrent = 3\n")
    monkeypatch.setenv("SOLLOL_MAX_CONCURRENT_REQUESTS", "0")
    [told] = check(file)
    assert "SOLLOL_MAX_CONCURRENT_REQUESTS" in told
    assert str(file) not in told


def test_command(tmp_path: Path) -> None:
    file = tmp_path / "pool.toml"
    file.write_text(TEXT.replace("'''\n127.0.0.1'''", "'127.0.0.1'"))
    good = CliRunner().invoke(app, ["check", "--config", str(file)])
    assert (good.exit_code, good.output) == (0, "good: 127.0.0.1:7100, nodes: a:9000, b\n")
    bad = CliRunner().invoke(app, ["check", "--config", str(tmp_path / "none.toml")])
    assert bad.exit_code == 1
    assert "can't be read: No such file or directory" in bad.output

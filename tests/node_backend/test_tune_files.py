"""What tuning writes, and that those who are to read it do: shells, systemd, Nix, the node."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_backend.config import Settings
from node_backend.core.tuning_files import KINDS, Kind, Setup, commands_for, files_for
from node_backend.core.tuning_machine import GIB
from node_backend.core.tuning_rules import recommend
from tests.node_backend.test_tuning import XEON

TUNED = recommend(XEON)
PROGRAM = str(Path(sys.executable).with_name("cerebrum-node"))
SETUP = Setup(PROGRAM, model="/models/coder 7b.gguf")
ANALYZE = shutil.which("systemd-analyze")
NIX = shutil.which("nix-instantiate")


def text_of(kind: Kind, path: str, setup: Setup = SETUP) -> str:
    return {file.path: file.text for file in files_for(kind, TUNED, setup)}[path]


def write(folder: Path, kind: Kind, setup: Setup = SETUP) -> None:
    for file in files_for(kind, TUNED, setup):
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text)


def test_the_xeons_service_has_the_reports_limits() -> None:
    lines = text_of("systemd", "cerebrum-node.service.d/50-tuning.conf").splitlines()
    assert lines[1:] == [
        "[Service]",
        "CPUQuota=2000%",
        "CPUWeight=100",
        "MemoryMax=20G",
        'Environment="CEREBRUM_MODEL=/models/coder 7b.gguf"',
        "Environment=CEREBRUM_NODE_THREADS=20",
        "Environment=CEREBRUM_NODE_SLOTS=4",
        "Environment=CEREBRUM_NODE_CONTEXT_TOKENS=8192",
        "Environment=CEREBRUM_NODE_BATCH_TOKENS=64",
        "Environment=CEREBRUM_NODE_KV_TYPE=q8_0",
        "Environment=CEREBRUM_NODE_LOADED_MODELS=3",
    ]


def test_the_xeons_ollama_has_the_reports_settings() -> None:
    text = text_of("ollama", "ollama.service.d/50-cerebrum.conf")
    for line in (
        "CPUQuota=2000%",
        "MemoryMax=20G",
        "Environment=OLLAMA_CONTEXT_LENGTH=8192",
        "Environment=OLLAMA_NUM_PARALLEL=4",
        "Environment=OLLAMA_MAX_LOADED_MODELS=3",
        "Environment=OLLAMA_KV_CACHE_TYPE=q8_0",
        "Environment=OLLAMA_FLASH_ATTENTION=1",
    ):
        assert line in text.splitlines()
    assert "PARAMETER num_thread 20\n" in text_of("ollama", "Modelfile")


def test_the_xeons_nix_module_has_the_same() -> None:
    text = text_of("nix", "cerebrum-node.nix")
    for line in (
        'CPUQuota = "2000%";',
        'MemoryMax = "20G";',
        'CEREBRUM_NODE_THREADS = "20";',
        'OLLAMA_NUM_PARALLEL = "4";',
    ):
        assert line in text


def check_settings(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The node understands the variables as what was recommended."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert (settings.threads, settings.slots, settings.context_tokens) == (20, 4, 8192)
    assert (settings.batch_tokens, settings.kv_type, settings.loaded_models) == (64, "q8_0", 3)
    assert settings.model == Path("/models/coder 7b.gguf")


def sourced(text: str, folder: Path) -> dict[str, str]:
    """Return what a shell makes of a file of variables."""
    path = folder / "own.env"
    path.write_text(text)
    answer = subprocess.run(
        ["/bin/sh", "-c", f'set -a; . "{path}"; env -0'],
        capture_output=True,
        text=True,
        check=True,
        env={},
    )
    pairs = [line.partition("=") for line in answer.stdout.split("\0")]
    return {name: value for name, _, value in pairs if name.startswith("CEREBRUM_")}


def test_a_shell_reads_the_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_settings(sourced(text_of("env", "cerebrum-node.env"), tmp_path), monkeypatch)


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=20))
def test_a_shell_reads_any_model_path(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.getbasetemp()
    text = text_of("env", "cerebrum-node.env", Setup(PROGRAM, model=f"/m/{name}"))
    assert sourced(text, folder)["CEREBRUM_MODEL"] == f"/m/{name}"


def verify(folder: Path, unit: str) -> str:
    """Return what systemd has to say of a unit and its drop-ins."""
    answer = subprocess.run(
        [str(ANALYZE), "verify", "--man=no", str(folder / unit)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:"},
    )
    said = [line for line in answer.stderr.splitlines() if str(folder) in line or unit in line]
    return "\n".join(said) or ("" if answer.returncode == 0 else answer.stderr)


needs_systemd = pytest.mark.skipif(
    ANALYZE is None, reason="no systemd-analyze here (apt-get install systemd)"
)


@needs_systemd
@pytest.mark.parametrize("user", [None, "root"])
def test_systemd_finds_nothing_wrong_with_the_nodes_unit(tmp_path: Path, user: str | None) -> None:
    write(tmp_path, "systemd", Setup(PROGRAM, user, "/models/100% $coder 7b.gguf"))
    assert verify(tmp_path, "cerebrum-node.service") == ""


@needs_systemd
def test_systemd_finds_nothing_wrong_with_ollamas_drop_in(tmp_path: Path) -> None:
    write(tmp_path, "ollama")
    (tmp_path / "ollama.service").write_text("[Service]\nExecStart=/bin/true\n")
    assert verify(tmp_path, "ollama.service") == ""


@needs_systemd
def test_systemd_would_have_found_something_wrong(tmp_path: Path) -> None:
    write(tmp_path, "systemd")
    drop_in = tmp_path / "cerebrum-node.service.d" / "50-tuning.conf"
    drop_in.write_text(drop_in.read_text().replace("CPUQuota=2000%", "CPUQuota=lots"))
    assert "'lots'" in verify(tmp_path, "cerebrum-node.service")


@pytest.mark.skipif(NIX is None, reason="no nix-instantiate here (apt-get install nix-bin)")
def test_nix_reads_the_module(tmp_path: Path) -> None:
    setup = Setup(PROGRAM, model='/m/"quoted" ${not.a.name} \\ back')
    write(tmp_path, "nix", setup)
    module = tmp_path / "cerebrum-node.nix"
    expression = (
        f"(import {module} {{ config.services.ollama.enable = true; lib.mkIf = _: it: it; }})"
        ".systemd.services.cerebrum-node.environment.CEREBRUM_MODEL"
    )
    answer = subprocess.run(
        [str(NIX), "--eval", "--expr", expression],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "NIX_STATE_DIR": str(tmp_path), "NIX_STORE_DIR": str(tmp_path)},
    )
    assert answer.stdout.strip() == '"/m/\\"quoted\\" \\${not.a.name} \\\\ back"'


def test_sizes_are_written_as_systemd_reads_them() -> None:
    small = recommend(replace(XEON, memory_bytes=3 * GIB))
    text = "".join(file.text for file in files_for("systemd", small, SETUP))
    assert re.search(r"^MemoryMax=\d+M$", text, re.MULTILINE)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_comes_with_commands_that_verify_it(kind: Kind) -> None:
    commands = commands_for(kind, "/etc/x")
    assert any("/etc/x/" in command for command in commands)
    assert any(word in " ".join(commands) for word in ("systemctl show", "/health"))

"""`cerebrum-node tune` as a user runs it, and measuring on the real engine."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from node_backend.cli import app
from node_backend.core.tuning_machine import Gpu
from node_backend.core.tuning_trials import ANSWER_TOKENS, PROMPT_TOKENS, Speed, Trial
from node_backend.engines.llama_cpp_settings import EngineSettings
from node_backend.models import bundled_path
from node_backend.tune.look import look
from node_backend.tune.measure import LONGEST_ROUND_S, WARM_UP, Report, affordable, measure, prompt
from tests.node_backend import machines
from tests.node_backend.nodes import clean_environment, is_alive
from tests.node_backend.stores import pull

LONG_S = 600.0  # no machine is so busy that it needs longer
FULL, HALF = Trial(1, 64, "f16"), Trial(1, 64, "q8_0")


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `cerebrum-node tune` as a program."""
    return subprocess.run(
        [sys.executable, "-m", "node_backend", "tune", *arguments],
        capture_output=True,
        text=True,
        env={**clean_environment(), **environment},
        timeout=120,
        check=False,
    )


def call(*arguments: str, **environment: str) -> Result:
    """Run it in this process, which is quicker."""
    return CliRunner().invoke(app, arguments, env={"CEREBRUM_MODEL": "", **environment})


def base(model: Path) -> EngineSettings:
    return EngineSettings(
        model_path=str(model),
        context_tokens=2048,
        slots=2,
        threads=1,
        batch_tokens=64,
        prompt_cache_mib=256,
        parent_pid=os.getpid(),
    )


def each_of(*trials: Trial) -> Callable[[Report], Trial | None]:
    """Return what asks for one trial after the other, however they go."""

    def next_after(report: Report) -> Trial | None:
        left = [each for each in trials if each not in (*report.measured, *report.failed)]
        return left[0] if left else None

    return next_after


@pytest.mark.e2e
async def test_measured_is_what_the_engine_did_with_each_setting() -> None:
    seen: list[Trial] = []
    report = await measure(base(bundled_path()), each_of(HALF, FULL), LONG_S, seen.append)
    assert list(report.measured) == seen == [HALF, FULL]
    assert report.is_complete
    assert not report.failed
    for speed in report.measured.values():
        assert min(speed.prefill, speed.decode) > 1
        assert speed.completion_s < LONG_S


@pytest.mark.e2e
async def test_a_model_that_can_not_be_loaded_is_said_and_not_tried_without_end(
    tmp_path: Path,
) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(b"GGUF\3\0\0\0 and no more")
    report = await measure(base(path), each_of(FULL), LONG_S, lambda _: None)
    assert "can't be loaded" in report.failed[FULL]
    assert not report.measured


async def test_an_objection_keeps_a_model_from_being_loaded() -> None:
    report = await measure(
        base(bundled_path()), each_of(FULL), LONG_S, lambda _: None, lambda *_: "far too large"
    )
    assert "far too large" in report.failed[FULL]


async def test_what_the_budget_does_not_allow_is_not_begun() -> None:
    seen: list[Trial] = []
    report = await measure(base(bundled_path()), each_of(FULL), 0.0, seen.append)
    assert (report.measured, report.is_complete, seen) == ({}, False, [])


@pytest.mark.e2e
async def test_a_budget_that_ends_in_the_middle_ends_the_engine_too() -> None:
    before = children()
    report = await measure(base(bundled_path()), each_of(FULL), 0.05, lambda _: None)
    assert report.measured == {}
    assert not report.is_complete or report.failed
    assert not [pid for pid in children() - before if is_alive(pid)]


def children() -> set[int]:
    folder = Path(f"/proc/{os.getpid()}/task")
    return {
        int(pid) for task in folder.iterdir() for pid in (task / "children").read_text().split()
    }


def test_a_slow_machine_reads_and_writes_less() -> None:
    assert affordable(Speed(5000, 100)) == (PROMPT_TOKENS, ANSWER_TOKENS)
    slow = Speed(10, 1)
    tokens = affordable(slow)
    assert WARM_UP[0] <= tokens[0] < PROMPT_TOKENS
    assert tokens[0] / slow.prefill + tokens[1] / slow.decode <= LONGEST_ROUND_S + 4
    assert affordable(Speed(0.01, 0.01)) == WARM_UP


def test_prompts_differ_from_their_first_line_on() -> None:
    first, second = prompt(1, 256).splitlines(), prompt(2, 256).splitlines()
    assert first[0] != second[0]
    assert len(first) == len(second)


@pytest.mark.e2e
def test_it_finds_measures_and_recommends() -> None:
    result = run("--budget", "45")
    assert result.returncode == 0, result.stderr
    found = result.stdout.index("Found")
    measured = result.stdout.index("Measured with cerebrum-tiny")
    recommended = result.stdout.index("Recommended")
    assert found < measured < recommended
    assert "tokens/s" in result.stdout[measured:recommended]
    for name in ("threads", "context", "KV type", "flash attention", "CPUQuota", "MemoryMax"):
        assert name in result.stdout[recommended:]
    assert "measuring" in result.stderr


def test_without_to_nothing_is_written_and_all_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = call("tune", "--no-measure", "--write", "env", "--write", "systemd")
    assert result.exit_code == 0, result.stderr
    assert "# FOLDER/cerebrum-node.env" in result.stdout
    assert "CEREBRUM_NODE_THREADS=" in result.stdout
    assert "CPUQuota=" in result.stdout
    assert "systemctl show cerebrum-node" in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_on_the_xeon_the_command_says_the_reports_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    xeon = replace(look(machines.xeon(tmp_path)), gpus=(Gpu("NVIDIA H200", 139 << 30),))
    monkeypatch.setattr("node_backend.tune.run.look", lambda: xeon)
    result = call("tune", "--no-measure", "--write", "systemd", "--write", "ollama")
    assert result.exit_code == 0, result.stderr
    for line in (
        "12 cores, 24 threads",
        "CPUQuota=2000%",
        "MemoryMax=20G",
        "CEREBRUM_NODE_THREADS=20",
        "OLLAMA_CONTEXT_LENGTH=8192",
        "OLLAMA_NUM_PARALLEL=4",
        "OLLAMA_KV_CACHE_TYPE=q8_0",
        "OLLAMA_FLASH_ATTENTION=1",
        "NVIDIA H200, 139 GiB",
        "--llama-server",
    ):
        assert line in result.stdout


@pytest.mark.e2e
def test_without_a_model_it_says_that_rules_decide_and_what_could_be_chosen(
    tmp_path: Path,
) -> None:
    (tmp_path / "mine.gguf").write_bytes(bundled_path().read_bytes())
    (tmp_path / "half.gguf").write_bytes(bundled_path().read_bytes()[:3_000_000])
    result = run("--folder", str(tmp_path))
    assert "By rule, for qwen2.5-coder" in result.stdout
    assert "cerebrum-tiny is too small" in result.stdout
    assert "Found here: mine." in result.stdout
    assert result.stderr.count("cerebrum-node: measuring") == 1
    unmeasured = run("--no-measure")
    assert "By rule, for qwen2.5-coder" in unmeasured.stdout
    assert "too small" not in unmeasured.stdout


def test_a_file_that_is_cut_short_is_said_before_anything_is_measured(tmp_path: Path) -> None:
    path = tmp_path / "half.gguf"
    path.write_bytes(bundled_path().read_bytes()[:3_000_000])
    result = call("tune", "--model", str(path))
    assert result.exit_code == 1
    assert result.stderr == "cerebrum-node: half: its file is cut short: get it again\n"


def test_a_dry_run_writes_nothing_even_with_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    result = call("tune", "--no-measure", "--write", "nix", "--to", str(folder), "--dry-run")
    assert result.exit_code == 0, result.stderr
    assert "systemd.services.cerebrum-node" in result.stdout
    assert not folder.exists()


def test_files_are_written_where_told_and_not_over_others(tmp_path: Path) -> None:
    everything = [
        part for kind in ("env", "systemd", "nix", "ollama") for part in ("--write", kind)
    ]
    arguments = ["tune", "--no-measure", *everything, "--to", str(tmp_path / "out")]
    assert call(*arguments).exit_code == 0
    written = {
        str(path.relative_to(tmp_path / "out"))
        for path in (tmp_path / "out").rglob("*")
        if path.is_file()
    }
    assert written == {
        "cerebrum-node.env",
        "cerebrum-node.service",
        "cerebrum-node.service.d/50-tuning.conf",
        "cerebrum-node.nix",
        "ollama.service.d/50-cerebrum.conf",
        "Modelfile",
    }
    unit = tmp_path / "out" / "cerebrum-node.service"
    assert call(*arguments).exit_code == 0  # the same again is in nobody's way
    unit.write_text("mine")
    refusal = call(*arguments)
    assert refusal.exit_code == 1
    assert "cerebrum-node.service is there" in refusal.stderr
    assert unit.read_text() == "mine"
    assert call(*arguments, "--force").exit_code == 0
    assert unit.read_text() != "mine"


def test_the_chosen_model_is_what_is_written(tmp_path: Path) -> None:
    pull(tmp_path, "registry.ollama.ai/library/tiny/q8", bundled_path().read_bytes())
    result = call(
        "tune", "--no-measure", "--model", "tiny:q8", "--write", "env", "--write", "ollama",
        OLLAMA_MODELS=str(tmp_path),
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert "\nCEREBRUM_MODEL=tiny:q8\n" in result.stdout
    assert "\nCEREBRUM_NODE_CONTEXT_TOKENS=2048\n" in result.stdout  # what it was trained for
    assert "\nFROM tiny:q8\n" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--write", "windows"], 2, "windows"),
        (["--to", "somewhere"], 2, "--write"),
        (["--budget", "0"], 2, "--budget"),
        (["--budget", "soon"], 2, "--budget"),
        (["--model", "nobody", "--no-measure"], 1, "neither a file nor a model"),
        (["--model", "/nowhere/m.gguf", "--no-measure"], 1, "can't be read"),
        (["--no-measure", "--write", "env", "--to", "/proc/nowhere"], 1, "can't be written"),
    ],
)
def test_a_mistake_is_said_in_words(arguments: list[str], status: int, said: str) -> None:
    result = call("tune", *arguments)
    assert result.exit_code == status
    assert said in result.stderr
    assert result.exception is None or isinstance(result.exception, SystemExit)


@pytest.mark.e2e
def test_a_model_that_can_not_be_measured_ends_with_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    data = bytearray(bundled_path().read_bytes())
    at = data.index(b"llama.rope.dimension_count")
    data[at : at + 5] = b"lluma"  # well formed, and nothing that the engine could run
    data[data.index(b"blk.0.attn_q.weight") + 4] = ord("9")
    path.write_bytes(data)
    result = run("--model", str(path), "--write", "env", "--to", str(tmp_path / "out"))
    assert result.returncode == 1
    assert "can't be measured" in result.stderr
    assert "child.failed" not in result.stderr
    assert "Recommended" in result.stdout
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["serve", "models", "tune"])
def test_each_command_says_what_it_is_for_and_takes(command: str) -> None:
    result = call(command, "--help", COLUMNS="200", TERM="dumb")
    assert result.exit_code == 0
    for option in ("--model", "--folder", f"cerebrum-node {command}"):
        assert option in result.stdout

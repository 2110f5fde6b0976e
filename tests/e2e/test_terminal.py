"""`cerebrum-lsp try` as a user runs it."""

import asyncio
import os
import sys
from pathlib import Path

import psutil
import pytest

from tests.e2e.processes import isolated

pytestmark = pytest.mark.e2e


async def run(folder: Path, *arguments: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cerebrum_lsp",
        *arguments,
        env={**os.environ, **isolated(folder), "COLUMNS": "100"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 50)
    return process.returncode, output.decode()


async def test_a_trial_shows_a_completion_and_its_times_and_leaves_no_process(
    tmp_path: Path,
) -> None:
    status, output = await run(tmp_path, "try", "--own-pool")
    assert status == 0, output
    for stage in ("daemon", "orchestrator", "node queue", "prefill", "decode", "tokens/s"):
        assert stage in output
    log = (tmp_path / "state" / "cerebrum" / "log" / "cerebrum-lsp.log").read_text()
    assert "trial.began" in log
    assert "session.began" not in log, "the doctor would take it for the user's editor"
    assert [process for process in psutil.process_iter() if belongs_to(process, tmp_path)] == []


def belongs_to(process: psutil.Process, folder: Path) -> bool:
    """Whether a process was started by what was started for this test."""
    try:
        return process.environ().get("XDG_STATE_HOME") == isolated(folder)["XDG_STATE_HOME"]
    except (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
        return False


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        pytest.param(["try", "/no/such/file.py:1:1"], 2, "no such file", id="wrong place"),
        pytest.param(["stop"], 0, "no local pool is running", id="nothing to stop"),
        pytest.param(["--version"], 0, "cerebrum-lsp", id="version"),
        pytest.param(["--tcp", "0.0.0.0:1"], 2, "only this machine", id="open to others"),
        pytest.param(["--tcp", "here"], 2, "HOST:PORT", id="no address"),
    ],
)
async def test_what_the_command_line_answers(
    tmp_path: Path, arguments: list[str], status: int, said: str
) -> None:
    returned, output = await run(tmp_path, *arguments)
    assert (returned, said in output) == (status, True), output

"""A workspace that is not trusted, in a VS Code of its own."""

from pathlib import Path

import psutil
from playwright.async_api import Browser

from tests.e2e.processes import eventually, isolated
from tests.e2e.vscode.code_server import CodeServer, code_server, write_settings
from tests.e2e.vscode.conftest import DAEMON, Workplace
from tests.e2e.vscode.programs import Programs
from tests.e2e.vscode.window import Window

INDEX = "cerebrum_lsp.indexing"


async def test_an_untrusted_workspace_brings_no_settings_no_index_and_no_daemon(
    found: Programs, browser: Browser, shared: Workplace, tmp_path: Path, artefacts: Path
) -> None:
    environment = {
        **isolated(tmp_path),
        "CEREBRUM_ORCHESTRATOR_URL": shared.orchestrator.url,
        "CEREBRUM_ORCHESTRATOR_KEY": shared.orchestrator.key,
    }
    trace = tmp_path / "was-run"
    programs_of_pipx = tmp_path / ".local" / "bin"
    programs_of_pipx.mkdir(parents=True)
    (programs_of_pipx / "cerebrum-lsp").symlink_to(DAEMON)
    async with code_server(found, tmp_path, environment) as server:
        plant(server.workspace, trace)
        page = await browser.new_page(viewport={"width": 1000, "height": 640})
        await page.goto(server.url)
        window = Window(page, artefacts)
        await window.until_status("Cerebrum$")
        await window.picture("untrusted")
        assert not indexes(server), "other files of the workspace are not read"
        assert not trace.exists(), "no program of the workspace is run"
        await window.command("Workspaces: Manage Workspace Trust")
        await page.get_by_role("button", name="Trust", exact=True).first.click()
        await window.until_status("off$")
        await eventually(lambda: holds(trace.exists()), "the workspace's own daemon")
        await eventually(lambda: holds(bool(indexes(server))), "an index of the workspace")
        await page.close()


def plant(workspace: Path, trace: Path) -> None:
    """Put into a workspace what would like to be obeyed: settings, and a daemon."""
    wanted = {"cerebrum.enabled": False, "cerebrum.pool.url": "http://127.0.0.1:9"}
    write_settings(workspace / ".vscode", wanted)
    program = workspace / ".venv" / "bin" / "cerebrum-lsp"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\ntouch {trace}\nexec {DAEMON} "$@"\n')
    program.chmod(0o755)
    (workspace / "other.py").write_text("def other():\n    pass\n")


async def holds(condition: bool) -> bool:
    return condition


def indexes(server: CodeServer) -> list[psutil.Process]:
    """Return the processes that index workspaces for this VS Code."""
    children = psutil.Process(server.pid).children(recursive=True)
    return [each for each in children if any(INDEX in word for word in each.cmdline())]

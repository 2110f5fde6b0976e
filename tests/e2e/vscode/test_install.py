"""A machine with no daemon on it: the extension offers one, installs it, and completes with it."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.processes import isolated
from tests.e2e.vscode.code_server import code_server
from tests.e2e.vscode.conftest import Workplace, open_first
from tests.e2e.vscode.programs import ROOT, Programs
from tests.e2e.vscode.window import Window

INSTALLED_WITHIN_MS = 110_000
PYTHONS = Path(sys.base_prefix) / "bin"


def pip(*arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "pip", *arguments]
    return subprocess.run(argv, check=False, capture_output=True, text=True)


@pytest.fixture
def index(tmp_path: Path) -> dict[str, str]:
    """The package index, known by what `make` took from it; without one the test is skipped."""
    if pip("download", "--quiet", "--no-deps", "--dest", str(tmp_path), "pygls").returncode != 0:
        pytest.skip("VS Code: no package index answers, and an installation needs one")
    cache = pip("cache", "dir").stdout.strip()
    return {"PIP_CACHE_DIR": cache, "PIP_CONSTRAINT": str(ROOT / "constraints.txt")}


@pytest.mark.index
async def test_a_missing_daemon_is_offered_and_installed_and_completes(
    found: Programs,
    browser: Browser,
    workplace: Workplace,
    tmp_path: Path,
    artefacts: Path,
    index: dict[str, str],
) -> None:
    environment = {
        **isolated(tmp_path),
        **index,
        "PATH": f"{PYTHONS}{os.pathsep}/usr/bin{os.pathsep}/bin",
        "CEREBRUM_ORCHESTRATOR_URL": workplace.orchestrator.url,
        "CEREBRUM_ORCHESTRATOR_KEY": workplace.orchestrator.key,
    }
    async with code_server(found, tmp_path, environment, "--disable-workspace-trust") as server:
        page = await browser.new_page(viewport={"width": 1000, "height": 640})
        await page.goto(server.url)
        window = Window(page, artefacts)
        here = replace(workplace, window=window, server=server)
        await expect(window.messages).to_contain_text("cerebrum-lsp, is not installed")
        await page.get_by_role("button", name="Install…").click()
        await expect(window.entries.first).to_be_visible()
        await window.picture("ways-to-install")
        await window.entries.filter(has_text="Install for this editor").click()
        await expect(window.status).to_have_text("Cerebrum", timeout=INSTALLED_WITHIN_MS)
        await window.picture("installed")
        await open_first(here)
        await window.until_ghost("hello world")
        await page.close()

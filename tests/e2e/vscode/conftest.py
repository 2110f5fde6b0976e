"""One VS Code for all its tests: real editor, extension, daemon, orchestrator; a scripted node.

All of it lives in one event loop, since to start it takes longer than most of the tests.
"""

import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.e2e.editors.scripted import scripted_pool
from tests.e2e.processes import Service
from tests.e2e.vscode import programs
from tests.e2e.vscode.code_server import CodeServer, code_server
from tests.e2e.vscode.window import Window
from tests.fakes import behaviours
from tests.fakes.node import FakeNode

DAEMON = Path(sys.executable).parent / "cerebrum-lsp"
INSTRUCTED = "scripted-coder-instruct"  # follows instructions, by its name
ARTEFACTS = programs.ROOT / "build" / "vscode-pictures"
BROWSER = [
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
]


@dataclass(frozen=True)
class Workplace:
    """All that a test needs."""

    window: Window
    server: CodeServer
    node: FakeNode
    orchestrator: Service


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test here the loop in which the editor lives, and time for a busy machine."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
            item.add_marker(pytest.mark.timeout(150, func_only=True))
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.alone)


@pytest.fixture(scope="session")
def found() -> programs.Programs:
    """The programs; without them the tests are skipped, with one line that says how to get them."""
    programs.until_prepared()
    try:
        return programs.find()
    except programs.MissingProgramError as error:
        pytest.skip(f"VS Code: {error}")


@pytest.fixture(scope="session")
def artefacts() -> Path:
    """Where screenshots are kept."""
    shutil.rmtree(ARTEFACTS, ignore_errors=True)
    ARTEFACTS.mkdir(parents=True)
    return ARTEFACTS


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("vscode")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(found: programs.Programs) -> AsyncIterator[Browser]:
    arguments = [*BROWSER, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found.chromium, args=arguments)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared(
    found: programs.Programs, browser: Browser, folder: Path, artefacts: Path
) -> AsyncIterator[Workplace]:
    """The editor, its pool, and a daemon that is ready."""
    async with (
        scripted_pool(folder, INSTRUCTED) as pool,
        code_server(found, folder, pool.environment, "--disable-workspace-trust") as server,
    ):
        server.write_machine_settings(machine_settings(pool.orchestrator))
        page = await browser.new_page(viewport={"width": 1000, "height": 640})
        await page.goto(server.url)
        workplace = Workplace(Window(page, artefacts), server, pool.node, pool.orchestrator)
        await first_steps(workplace)
        yield workplace
        await page.close()


async def first_steps(workplace: Workplace) -> None:
    """Give the pool's key, as a new user does, and wait until VS Code has woken up."""
    window = workplace.window
    await window.until_status("wrong key")
    await window.command("Cerebrum: Set the Pool's Key")
    await window.answer(workplace.orchestrator.key)
    await window.until_status("Cerebrum$")
    await window.press("Control+b")  # more room for the pictures
    await open_first(workplace)


async def open_first(workplace: Workplace) -> None:
    """Open a new window's first file; return when VS Code asks for completions in it.

    It adds ghost text to an editor some time after that has opened, and says not when.
    """
    asked = len(workplace.node.asked)
    await workplace.window.open(workplace.server.workspace / "first.py", "first =")
    while len(workplace.node.asked) == asked:
        await workplace.window.type(" ")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(workplace.node.next_request(), 1)


@pytest.fixture
def workplace(shared: Workplace) -> Workplace:
    """The editor, with a node that is well."""
    shared.node.behaviour = behaviours.ok()
    shared.node.health = shared.node.health_of()
    return shared


def machine_settings(orchestrator: Service, **more: object) -> dict[str, object]:
    """Return what the machine's owner sets."""
    return {
        "cerebrum.server.path": str(DAEMON),
        "cerebrum.pool.url": orchestrator.url,
        **more,
    }

"""The pool's troubles, the daemon's, and changes of settings, as they are seen in VS Code."""

import asyncio
import contextlib
import re
from pathlib import Path
from unittest.mock import ANY

import psutil
import pytest
from playwright.async_api import expect

from tests.e2e.processes import kill
from tests.e2e.vscode.conftest import DAEMON, Workplace, machine_settings
from tests.e2e.vscode.window import Window
from tests.fakes import behaviours


async def test_a_shed_pool_is_told_in_the_line_and_in_the_status_bar_until_it_recovers(
    workplace: Workplace,
) -> None:
    window, node = workplace.window, workplace.node
    node.behaviour = behaviours.refuse(503, retry_after_s=7, message="other work needs the machine")
    node.health = node.health_of(accepting=False, reason="other work needs the machine")
    await window.open(workplace.server.workspace / "shed.py", "first = 1\nsecond =")
    await window.until_status("no room")
    await window.type(" ")
    squiggle = window.editor.locator(".squiggly-info")
    await expect(squiggle).to_have_count(1)
    await window.picture("load-shed")
    node.behaviour, node.health = behaviours.ok(), node.health_of()
    await window.until_status("Cerebrum$")
    await expect(squiggle).to_have_count(0)


async def test_a_node_that_is_gone_is_told_until_it_returns(workplace: Workplace) -> None:
    window, node = workplace.window, workplace.node
    await window.open(workplace.server.workspace / "gone.py", "first = 1\nsecond =")
    await node.die()
    try:
        await window.until_status("no node|circuit open")
        await window.type(" ")
        await expect(window.editor.locator(".squiggly-warning")).to_have_count(1)
        await window.picture("no-node")
    finally:
        await node.start()
    await window.until_status("Cerebrum$")
    await expect(window.editor.locator(".squiggly-warning")).to_have_count(0)


async def test_an_open_circuit_counts_down(workplace: Workplace) -> None:
    window, node = workplace.window, workplace.node
    await window.open(workplace.server.workspace / "circuit.py", "first = 1\nsecond =")
    node.behaviour = behaviours.reset_before_headers()
    while not re.search(r"circuit open, \d+ s", await window.status.inner_text()):
        await window.type(" ")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(node.next_request(), 1)
    await window.picture("circuit-open")
    first = await seconds_left(window)
    await window.until_status(f"circuit open, {first - 1} s")
    await window.until_status(f"circuit open, {first - 2} s")
    await expect(window.editor.locator(".squiggly-warning")).to_have_count(1)
    node.behaviour = behaviours.ok()
    await window.until_status("Cerebrum$")
    await expect(window.editor.locator(".squiggly-warning")).to_have_count(0)


async def test_a_model_that_is_being_loaded_is_named(workplace: Workplace) -> None:
    window, node = workplace.window, workplace.node
    node.health = node.health_of(loading=True)
    await window.until_status("loading fake-model")
    node.health = node.health_of()
    await window.until_status("Cerebrum$")


async def test_a_killed_daemon_is_started_again(workplace: Workplace) -> None:
    window = workplace.window
    await window.open(workplace.server.workspace / "killed.py", "value =")
    (before,) = daemons(workplace)
    kill(before)
    await window.until_status("starting")
    await window.until_status("Cerebrum$")
    (after,) = daemons(workplace)
    assert after != before
    await window.type(" ")
    await window.until_ghost("hello world")


async def test_a_setting_of_completions_applies_at_once(workplace: Workplace) -> None:
    window, server = workplace.window, workplace.server
    await window.open(server.workspace / "off.py", "value =")
    usual = machine_settings(workplace.orchestrator)
    server.write_machine_settings({**usual, "cerebrum.enabled": False})
    await window.until_status("off$")
    server.write_machine_settings({**usual, "cerebrum.languages": {"python": False}})
    await window.until_status("off for python$")
    server.write_machine_settings(usual)
    await window.until_status("Cerebrum$")
    await window.type(" ")
    await window.until_ghost("hello world")


async def test_the_menu_switches_completions_off_and_on_for_this_session(
    workplace: Workplace,
) -> None:
    window = workplace.window
    await window.open(workplace.server.workspace / "session.py", "value =")
    await window.menu()
    await window.picture("menu")
    await window.press("Escape")
    await window.choose("Switch off for this session")
    await window.until_status("off for this session")
    await window.choose("Switch on for this session")
    await window.until_status("Cerebrum$")


async def test_the_menu_switches_a_language_and_everything_off_and_on(
    workplace: Workplace,
) -> None:
    window = workplace.window
    await window.open(workplace.server.workspace / "switches.py", "value =")
    for scope, said in (("for python", "off for python$"), ("everywhere", "off$")):
        await window.choose(f"Switch off {scope}")
        await window.until_status(said)
        await window.choose(f"Switch on {scope}")
        await window.until_status("Cerebrum$")


async def test_the_menu_leads_to_dashboard_and_log(workplace: Workplace) -> None:
    window = workplace.window
    async with window.page.expect_popup() as opened:
        await window.choose("Open dashboard")
    page = await opened.value
    port = workplace.orchestrator.url.rpartition(":")[2]
    assert page.url.endswith(f"{port}/dashboard"), "through code-server's own address"
    await page.close()
    await window.choose("Show log")
    # Not its lines: this code-server has no native modules, so that it writes no log files.
    await expect(window.page.locator(".part.panel option:checked").first).to_have_text("Cerebrum")
    await window.press("Control+j")  # the palette would be closed when the panel takes the focus
    await expect(window.page.locator(".part.panel")).to_be_hidden()


async def test_a_model_is_selected_for_this_session_and_a_restart_forgets_it(
    workplace: Workplace,
) -> None:
    window, node = workplace.window, workplace.node
    await window.command("Cerebrum: Select Model")
    await window.entries.filter(has_text="fake-model").click()
    await window.command("Cerebrum: Select Model")
    await expect(window.entries.filter(has_text="fake-model")).to_contain_text("selected")
    await window.press("Escape")
    await window.open(workplace.server.workspace / "model.py", "value =")
    asked = len(node.asked)
    await window.type(" ")
    await window.until_ghost("hello world")
    assert [each.model for each in node.asked[asked:]] == ["fake-model"]
    before = daemons(workplace)
    await window.command("Cerebrum: Restart")
    await window.until_status("starting")
    await window.until_status("Cerebrum$")
    assert daemons(workplace) != before
    await window.command("Cerebrum: Select Model")
    await expect(window.entries.filter(has_text="The pool decides")).to_contain_text("selected")
    await window.press("Escape")


async def test_why_no_completion_names_the_outcome(workplace: Workplace) -> None:
    window = workplace.window
    await window.open(workplace.server.workspace / "why.py", "value =")
    await window.type(" ")
    await window.until_ghost("hello world")
    await window.command("Cerebrum: Why No Completion?")
    page = window.page.frame_locator("iframe.webview").frame_locator("iframe#active-frame")
    await expect(page.get_by_text(re.compile("shown · why.py:1"))).to_be_visible()
    await window.picture("why")
    await window.press("Control+w")


@pytest.mark.parametrize(
    ("script", "words"),
    [(None, "there is no program at"), ("echo 'no module: pygls' >&2; exit 1", "no module: pygls")],
    ids=["not there", "broken"],
)
async def test_a_daemon_that_cannot_start_is_one_clear_message(
    workplace: Workplace, tmp_path: Path, script: str | None, words: str
) -> None:
    window, server = workplace.window, workplace.server
    program = tmp_path / "cerebrum-lsp"
    if script is not None:
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    usual = machine_settings(workplace.orchestrator)
    server.write_machine_settings({**usual, "cerebrum.server.path": str(program)})
    await window.until_status("not running")
    await expect(window.messages.filter(has_text=str(program))).to_contain_text(words)
    assert await window.messages.all_inner_texts() == [ANY], "and no other message"
    await window.picture(f"cannot-start-{'broken' if script else 'missing'}")
    server.write_machine_settings(usual)
    await window.until_status("Cerebrum$")
    await window.command("Notifications: Clear All Notifications")
    await expect(window.messages).to_have_count(0)


async def test_it_offers_to_install_the_daemon(workplace: Workplace, tmp_path: Path) -> None:
    window, server = workplace.window, workplace.server
    usual = machine_settings(workplace.orchestrator)
    nowhere = {**usual, "cerebrum.server.path": str(tmp_path / "nowhere")}
    server.write_machine_settings(nowhere)
    await window.until_status("not running")
    await window.page.locator(".notification-toast").get_by_text("Install…").press("Enter")
    await expect(window.entries.filter(has_text="Install for this editor")).to_be_visible()
    await window.picture("install")
    await window.press("Escape")
    server.write_machine_settings(usual)
    await window.until_status("Cerebrum$")


async def seconds_left(window: Window) -> int:
    """Return what the status bar counts down."""
    await window.until_status(r"circuit open, \d+ s")
    found = re.search(r"(\d+) s", await window.status.inner_text())
    return int(found.group(1)) if found else 0


def daemons(workplace: Workplace) -> list[int]:
    """Return the process ids of the daemons that this VS Code runs."""
    children = psutil.Process(workplace.server.pid).children(recursive=True)
    return [each.pid for each in children if str(DAEMON) in each.cmdline()]

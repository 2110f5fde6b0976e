"""The pool's troubles, the daemon's, and changes of settings, as they are seen in VS Code."""

import re
from pathlib import Path
from unittest.mock import ANY

import psutil
import pytest
from playwright.async_api import expect

from tests.e2e.processes import kill
from tests.e2e.vscode.conftest import DAEMON, Workplace, machine_settings
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
    await window.entries.filter(has_text="Switch off for this session").click()
    await window.until_status("off for this session")
    await window.menu()
    await window.entries.filter(has_text="Switch on for this session").click()
    await window.until_status("Cerebrum$")


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
    asked = len(node.requests)
    await window.type(" ")
    await window.until_ghost("hello world")
    assert [each.model for each in node.requests[asked:]] == ["fake-model"]
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


def daemons(workplace: Workplace) -> list[int]:
    """Return the process ids of the daemons that this VS Code runs."""
    children = psutil.Process(workplace.server.pid).children(recursive=True)
    return [each.pid for each in children if str(DAEMON) in each.cmdline()]

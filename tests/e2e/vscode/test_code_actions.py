"""The light bulb in the real VS Code."""

from playwright.async_api import expect

from tests.e2e.vscode.conftest import Workplace

CODE = """import time


def wait(seconds):
    time.sleep(seconds)
    return seconds
"""
CHANGED = """import asyncio


async def wait(seconds):
    await asyncio.sleep(seconds)
    return seconds
"""


async def test_a_function_is_rewritten_to_async_and_undo_restores_it(workplace: Workplace) -> None:
    window = workplace.window
    await window.open(workplace.server.workspace / "wait.py", CODE)
    for _ in range(2):
        await window.press("ArrowUp")
    await window.press("Control+.")
    action = window.page.locator(
        ".action-widget .monaco-list-row", has_text="Refactor `wait` to async"
    )
    await expect(action).to_be_visible()
    await window.picture("code-action")
    await action.click()
    await window.until_text(CHANGED)
    await window.press("Control+z")
    await window.until_text(CODE)

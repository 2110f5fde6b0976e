"""The light bulb in the real VS Code."""

import json

from playwright.async_api import Locator, expect
from playwright.async_api import TimeoutError as PlaywrightTimeoutError

from tests.e2e.processes import eventually
from tests.e2e.vscode.conftest import INSTRUCTED, Workplace
from tests.fakes import behaviours
from tests.fakes.pacing import Stepped

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
    action = await offered(workplace, "Refactor `wait` to async")
    await window.picture("code-action")
    await action.click()
    await window.until_text(CHANGED)
    await window.press("Control+z")
    await window.until_text(CODE)


async def offered(workplace: Workplace, title: str) -> Locator:
    """Open the light bulb's menu, when it has an entry of this title; return that."""
    window = workplace.window
    action = window.page.locator(".action-widget .monaco-list-row", has_text=title)

    async def is_offered() -> bool:
        await window.press("Control+.")
        try:
            await action.wait_for(timeout=3_000)
        except PlaywrightTimeoutError:
            await window.press("Escape")
            return False
        return True

    await eventually(is_offered, f"the offer to {title}")
    return action


FUNCTION = "def add(first, second):\n    return first + second\n"
PIECES = ["Adds", " two", " numbers."]


async def test_a_models_answer_is_seen_as_it_is_written_and_undo_restores_the_text(
    workplace: Workplace,
) -> None:
    window, pace = workplace.window, Stepped()
    await window.open(workplace.server.workspace / "explain.py", FUNCTION)
    await window.press("ArrowUp")
    action = await offered(workplace, "Explain `add` in a comment")
    workplace.node.behaviour = behaviours.ok(PIECES, pace, INSTRUCTED)
    await action.click()
    pace.step(2)
    await expect(window.progress).to_contain_text("2 tokens: Adds two")
    await window.picture("progress")
    pace.finish()
    await window.until_text(f"# Adds two numbers.\n{FUNCTION}")
    await expect(window.progress).to_have_count(0)
    assert workplace.node.asked[-1].model == INSTRUCTED
    await window.press("Control+z")
    await window.until_text(FUNCTION)


async def test_a_models_answer_is_cancelled_and_its_node_is_free_at_once(
    workplace: Workplace,
) -> None:
    window, node, pace = workplace.window, workplace.node, Stepped()
    await window.open(workplace.server.workspace / "cancel.py", FUNCTION)
    await window.press("ArrowUp")
    action = await offered(workplace, "Document `add`")
    node.behaviour = behaviours.ok(PIECES, pace, INSTRUCTED)
    await action.click()
    pace.step(1)
    await expect(window.progress).to_contain_text("1 tokens: Adds")
    await window.page.get_by_role("button", name="Cancel", exact=True).click()
    while not (await node.next_cancellation()).messages:
        pass  # a completion's, which VS Code cancels at each key
    await expect(window.progress).to_have_count(0)
    assert await window.messages.all_inner_texts() == []
    await window.until_text(FUNCTION)


async def test_words_of_ones_own_reach_the_model(workplace: Workplace) -> None:
    window, node = workplace.window, workplace.node
    await window.open(workplace.server.workspace / "words.py", FUNCTION)
    for keys in ("Control+Home", "Shift+Control+End"):
        await window.press(keys)
    action = await offered(workplace, "Change this as I say…")
    changed = FUNCTION.replace("first", "left").replace("second", "right")
    node.behaviour = behaviours.ok([f"```python\n{changed}```"], None, INSTRUCTED)
    await action.click()
    await window.answer("call them left and right")
    await window.until_text(changed)
    assert "call them left and right" in json.dumps(node.asked[-1].model_dump())

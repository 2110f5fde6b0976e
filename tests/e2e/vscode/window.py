"""A window of VS Code, used as a person does: with keys, menus, and eyes on the screen."""

import re
from pathlib import Path

from playwright.async_api import Locator, Page, expect
from playwright.async_api import TimeoutError as PlaywrightTimeoutError

PATIENCE_MS = 30_000
ASIDE = (500, 500)
"""A place for the mouse where no tool tip covers anything."""

WATCH_GHOST = """() => {
    const ghost = %s;
    const frames = window.cerebrumFrames = [ghost()];
    const look = () => {
        const text = ghost();
        if (text !== frames.at(-1)) frames.push(text);
        if (window.cerebrumFrames === frames) requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
}"""
"""Write down the ghost text of every frame that is drawn, once for each time that it changes."""

GHOST = """() => {
    const editor = document.querySelector(".editor-group-container.active .monaco-editor");
    const text = selector => [...editor.querySelectorAll(selector)].map(each => each.textContent);
    const first = text(".view-lines .ghost-text-decoration").join("");
    const more = text(".suggest-preview-text .view-line");
    return [first, ...more].join("\\n").replaceAll("\\u00a0", " ");
}"""
"""The ghost text of the editor in front: VS Code colours its first line, and adds the others."""


LINES_SHOWN = """() => {
    const editor = document.querySelector(".editor-group-container.active .monaco-editor");
    const top = line => parseFloat(line.style.top);
    const lines = [...editor.querySelectorAll(".view-lines > .view-line")]
        .sort((one, other) => top(one) - top(other))
        .map(line => line.textContent.replaceAll("\\u00a0", " ").trimEnd());
    while (lines.at(-1) === "") lines.pop();
    return lines;
}"""
"""The lines of the editor in front, ghost text included, from top to bottom."""


class Window:
    """One browser page with VS Code in it."""

    def __init__(self, page: Page, artefacts: Path) -> None:
        self.page = page
        self._artefacts = artefacts
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)

    @property
    def editor(self) -> Locator:
        """The editor in front."""
        return self.page.locator(".editor-group-container.active .editor-instance")

    @property
    def status(self) -> Locator:
        """Cerebrum's item in the status bar."""
        return self.page.locator("[id='cerebrum.cerebrum.state']")

    @property
    def entries(self) -> Locator:
        """What a list at the top of the window offers."""
        return self.page.locator(".quick-input-list .monaco-list-row")

    @property
    def messages(self) -> Locator:
        """The notifications that are shown."""
        return self.page.locator(".notification-toast .notification-list-item-message")

    @property
    def progress(self) -> Locator:
        """The notification of what can be stopped."""
        return self.page.locator(".notification-toast", has_text="Cancel")

    async def open(self, path: Path, text: str) -> None:
        """Write a file, open it, and put the cursor at its end."""
        write(path, text)
        await self._ask(str(path), "Control+P")  # by its whole path, it need not be searched for
        await self.entries.filter(has_text=path.name).first.click()
        await expect(self.page.locator(".tab.active")).to_have_attribute(
            "data-resource-name", path.name
        )
        await expect(self.editor.locator(".view-lines")).to_be_visible()
        await self.press("Control+End")

    async def command(self, title: str) -> None:
        """Run a command by its title, through the palette."""
        await self._ask(f">{title}", "F1")
        await self.entries.filter(has_text=title).first.click()

    async def answer(self, text: str) -> None:
        """Type into the box at the top of the window, and press enter."""
        box = self.page.locator(".quick-input-widget input")
        await box.fill(text)
        await box.press("Enter")

    async def menu(self) -> list[str]:
        """Open the status bar item's menu; return what it offers."""
        await self.status.click()
        await expect(self.entries.first).to_be_visible()
        await self.page.mouse.move(*ASIDE)
        return await self.entries.all_inner_texts()

    async def choose(self, label: str) -> None:
        """Choose an entry of that menu."""
        await self.menu()
        await self.entries.filter(has_text=label).first.click()

    async def type(self, text: str) -> None:
        await self.page.keyboard.type(text)

    async def press(self, keys: str) -> None:
        await self.page.keyboard.press(keys)

    async def ghost(self) -> str:
        """Return the ghost text that is shown."""
        text: str = await self.page.evaluate(GHOST)
        return text

    async def until_ghost(self, text: str) -> None:
        """Wait until this is the ghost text; empty: until there is none."""
        try:
            await self.page.wait_for_function(f"text => ({GHOST})() === text", arg=text)
        except PlaywrightTimeoutError:
            await self.picture("not-this-ghost")
            shown = await self.ghost()
            raise AssertionError(f"shown as ghost text is {shown!r}, not {text!r}") from None

    async def watch_ghost(self) -> None:
        """Begin to note each ghost text that is drawn."""
        await self.page.evaluate(WATCH_GHOST % GHOST)

    async def watched_ghosts(self) -> list[str]:
        """Return what was drawn since `watch_ghost`, in order, and stop."""
        frames: list[str] = await self.page.evaluate(
            "() => { const frames = window.cerebrumFrames; window.cerebrumFrames = null;"
            " return frames; }"
        )
        return frames

    async def until_text(self, text: str) -> None:
        """Wait until the document's last lines, as they are on the screen, are these."""
        lines = [line.rstrip() for line in text.rstrip().split("\n")]
        try:
            await self.page.wait_for_function(
                f"lines => JSON.stringify(({LINES_SHOWN})().slice(-lines.length)) === "
                "JSON.stringify(lines)",
                arg=lines,
            )
        except PlaywrightTimeoutError:
            await self.picture("not-this-text")
            shown = await self.page.evaluate(LINES_SHOWN)
            raise AssertionError(f"shown is {shown}, not {lines}") from None

    async def until_status(self, pattern: str) -> None:
        """Wait until the status bar item's text matches."""
        await expect(self.status).to_contain_text(re.compile(pattern))

    async def picture(self, name: str) -> None:
        """Keep a screenshot."""
        await self.page.mouse.move(*ASIDE)
        await self.page.screenshot(path=self._artefacts / f"{name}.png")

    async def _ask(self, text: str, keys: str) -> None:
        await self.press(keys)
        box = self.page.locator(".quick-input-widget input")
        await expect(box).to_be_visible()
        await box.fill(text)


def write(path: Path, text: str) -> None:
    """Write a file, which takes no time worth yielding for."""
    path.write_text(text)

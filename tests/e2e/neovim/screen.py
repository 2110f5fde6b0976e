"""A real Neovim with a screen, driven as a user drives it: by keys, and looked at."""

import asyncio
import contextlib
import gc
import sys
import warnings
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pynvim

from tests.e2e.editors.debian import Found
from tests.e2e.processes import eventually, kill

PLUGIN = Path(__file__).parents[3] / "editors" / "neovim"
#: Wide enough for Neovim's own messages: a longer one would ask for a key.
COLUMNS, LINES = 200, 24

SCREEN = """
vim.cmd.redraw()
local lines = {}
for row = 1, vim.o.lines do
  local cells = {}
  for column = 1, vim.o.columns do
    cells[column] = vim.fn.screenstring(row, column)
  end
  lines[row] = table.concat(cells):gsub("%s+$", "")
end
return lines
"""


class Neovim:
    """One Neovim; its library lives in a thread of its own, since it has a loop of its own."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._api: Any = None
        self.pid = 0

    async def _call(self, function: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    async def start(self, program: Path) -> None:
        """Start it with nothing of the user's own, and attach a screen."""

        def attach() -> None:
            argv = [str(program), "--embed", "--clean", "-n", "-i", "NONE"]
            self._api = pynvim.attach("child", argv=argv)
            self._api.ui_attach(COLUMNS, LINES, rgb=True)

        await self._call(attach)
        self.pid = await self.lua("return vim.fn.getpid()")

    async def stop(self) -> None:
        """End it, also when it waits for a key; what it started ends with it."""
        with contextlib.suppress(ProcessLookupError):
            kill(self.pid)
        with contextlib.suppress(OSError, EOFError):
            await self._call(self._api.close)
        self._thread.shutdown()
        self._api = None
        with warnings.catch_warnings():  # the library leaves its pipes to the collector
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()

    async def lua(self, code: str, *arguments: object) -> Any:
        """Run Lua, which sees its arguments as `...`."""
        return await self._call(lambda: self._api.exec_lua(code, *arguments))

    async def type(self, keys: str) -> None:
        """Press keys, in Neovim's notation."""
        await self._call(self._api.input, keys)

    async def text(self) -> str:
        """Return the buffer's text."""
        return "\n".join(await self.lua("return vim.api.nvim_buf_get_lines(0, 0, -1, false)"))

    async def screen(self) -> str:
        """Return what is on the screen."""
        return "\n".join(await self.lua(SCREEN))

    async def until_screen(self, *wanted: str, without: str | None = None) -> str:
        """Wait until all of `wanted` is on the screen, and nothing of `without`."""
        seen = ""

        async def holds() -> bool:
            nonlocal seen
            seen = await self.screen()
            return all(part in seen for part in wanted) and (without is None or without not in seen)

        try:
            await eventually(holds, f"{wanted} without {without} on the screen")
        except AssertionError as error:
            error.add_note(seen)
            raise
        return seen

    async def until_lua(self, condition: str, what: str) -> None:
        """Wait until a Lua expression is true."""

        async def holds() -> bool:
            return bool(await self.lua(f"return {condition}"))

        try:
            await eventually(holds, what)
        except AssertionError as error:
            error.add_note(await self.screen())
            raise


SETUP = """
local plugin, folder, options = ...
vim.opt.runtimepath:prepend(plugin)
vim.cmd.runtime("plugin/cerebrum.lua")
require("cerebrum").setup(options)
vim.cmd.cd(folder)
"""


@contextlib.asynccontextmanager
async def neovim(
    found: Found, folder: Path, environment: Mapping[str, str], **options: object
) -> AsyncIterator[Neovim]:
    """Run a Neovim with the plugin, set up for the pool in `environment`."""
    editor = Neovim()
    started = {**environment, "XDG_CACHE_HOME": str(folder / "cache")}
    if found.root is not None:
        started["VIMRUNTIME"] = str(found.root / "usr/share/nvim/runtime")
    # The library has no way to give its child an environment: a program in between does.
    wrapper = folder / "nvim"
    exports = "".join(f"export {name}='{value}'\n" for name, value in started.items())
    wrapper.write_text(f'#!/bin/sh\n{exports}exec {found.launcher} "$@"\n', encoding="utf-8")
    wrapper.chmod(0o755)
    await editor.start(wrapper)
    try:
        daemon = [sys.executable, "-m", "cerebrum_lsp", "--stdio"]
        await editor.lua(SETUP, str(PLUGIN), str(folder), {"cmd": daemon, **options})
        yield editor
    finally:
        await editor.stop()

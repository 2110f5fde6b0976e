"""Completions in real Neovims, with the real daemon and orchestrator, and a scripted node."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import psutil
import pytest
import pytest_asyncio

from tests.e2e.editors.debian import Found
from tests.e2e.editors.scripted import scripted_pool
from tests.e2e.neovim.programs import NEOVIMS
from tests.e2e.neovim.screen import PLUGIN, Neovim, neovim
from tests.e2e.processes import eventually, kill, until_gone
from tests.fakes import behaviours
from tests.fakes.node import FakeNode
from tests.fakes.pacing import Pace

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(150),  # it may have to be unpacked
]

BLOCK = ["value = compute(first, second)\n", "    print(value)\n", "    return value"]
START = "def f():\n    pass\n"
FILL = "vim.api.nvim_buf_set_lines(0, 0, -1, false, ...)"
READY = "(require('cerebrum').state() or {}).state == 'ready'"
#: What became of the last request in this file.
NEWEST = """(vim.lsp.buf_request_sync(0, 'workspace/executeCommand', {
  command = 'cerebrum.whyNoCompletion', arguments = { vim.uri_from_bufnr(0) }
}, 5000)[vim.lsp.get_clients({ name = 'cerebrum' })[1].id].result[1] or {}).outcome"""


#: Adds an offer to the daemon's one, which never has several.
ANOTHER = """
local client = vim.lsp.get_clients({ name = 'cerebrum' })[1]
local request = client.request
request_of_its_own = rawget(client, 'request')
client.request = function(...)
  local arguments, count = { ... }, select('#', ...)
  for index, handler in pairs(arguments) do
    if type(handler) == 'function' then
      arguments[index] = function(error, result, ...)
        local items = type(result) == 'table' and result.items or {}
        if #items == 1 and items[1].insertText then
          items[2] = vim.deepcopy(items[1])
          items[2].insertText = 'raise NotImplementedError'
        end
        return handler(error, result, ...)
      end
    end
  end
  return request(unpack(arguments, 1, count))
end
"""


@dataclass
class Stage:
    """An editor with a pool whose node does as it is told."""

    editor: Neovim
    node: FakeNode

    async def fresh(self) -> Neovim:
        """Return the editor with a text as at the beginning, in normal mode, and a good node."""
        self.node.behaviour = behaviours.ok(BLOCK)
        await self.editor.type("<Esc>")
        await self.editor.lua("vim.cmd('silent! only | edit! a.py')")
        await self.editor.until_lua("vim.api.nvim_get_mode().mode == 'n'", "normal mode")
        await self.editor.lua(
            "vim.api.nvim_buf_set_lines(0, 0, -1, false, ...)", START.splitlines()
        )
        return self.editor


@pytest.fixture(params=NEOVIMS, scope="module")
def installed(request: pytest.FixtureRequest) -> Found:
    return NEOVIMS[request.param].get_or_skip()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory, installed: Found) -> AsyncIterator[Stage]:
    folder = tmp_path_factory.mktemp("neovim")
    (folder / "a.py").write_text(START, encoding="utf-8")
    async with scripted_pool(folder) as pool:
        known = {"url": pool.orchestrator.url, "key": pool.orchestrator.key}
        async with neovim(installed, folder, pool.environment, pool=known) as editor:
            await editor.lua("vim.cmd.edit('a.py')")
            await editor.until_lua(READY, "a pool that is ready")
            yield Stage(editor, pool.node)


async def test_ghost_text_appears_and_tab_accepts_it(stage: Stage) -> None:
    editor = await stage.fresh()
    await editor.type("Godef g(first, second):<CR>")
    await editor.until_screen("compute(first, second)", "print(value)")
    assert "compute" not in await editor.text()
    await editor.type("<Tab>")
    await editor.until_lua("vim.api.nvim_get_current_line():match('return value')", "accepting")
    assert await editor.text() == f"{START}def g(first, second):\n    {''.join(BLOCK)}"


async def test_where_the_cursor_rests_the_pool_is_asked_to_read(stage: Stage) -> None:
    editor = await stage.fresh()
    far = [*START.splitlines(), *(f"value_{number} = {number}" for number in range(60))]
    await editor.lua("vim.api.nvim_buf_set_lines(0, 0, -1, false, ...)", far)
    before = len(stage.node.requests)
    await editor.type("40G")

    async def is_asked() -> bool:
        asked = stage.node.requests[before:]
        return any(request.purpose == "pre-evaluate" for request in asked)

    await eventually(is_asked, "a prompt to be read ahead")


async def test_tab_is_a_tab_where_nothing_is_offered(stage: Stage) -> None:
    editor = await stage.fresh()
    stage.node.behaviour = behaviours.ok([])
    await editor.type("Go<Tab>x")
    await editor.until_lua("vim.api.nvim_get_current_line():match('^%s+x$')", "a tab")


async def test_a_word_and_a_line_are_accepted_and_the_rest_stays(stage: Stage) -> None:
    editor = await stage.fresh()
    await editor.type("Godef g(first, second):<CR>")
    await editor.until_screen("compute(first, second)")
    await editor.type("<M-w>")
    await editor.until_lua("vim.api.nvim_get_current_line() == '    value'", "accepting a word")
    await editor.until_screen("value = compute(first, second)", "print(value)")
    await editor.type("<M-l>")
    await editor.until_lua(
        "vim.api.nvim_get_current_line() == '    value = compute(first, second)'", "a line"
    )
    await editor.until_screen("print(value)")
    assert "print" not in await editor.text()


async def test_typing_along_keeps_it(stage: Stage) -> None:
    editor = await stage.fresh()
    await editor.type("Godef g(first, second):<CR>")
    await editor.until_screen("compute(first, second)")
    asked = len(stage.node.asked)
    for key in "value = com":
        await editor.type("<Space>" if key == " " else key)
        await editor.until_screen("value = compute(first, second)", "print(value)")
    assert len(stage.node.asked) == asked


async def test_typing_something_else_takes_it_away(stage: Stage) -> None:
    editor = await stage.fresh()
    await editor.type("Godef g(first, second):<CR>")
    await editor.until_screen("compute(first, second)")
    stage.node.behaviour = behaviours.ok([])
    await editor.type("raise")
    await editor.until_screen("raise", without="compute")


class Gate(Pace):
    """Lets a token pass when it is told to."""

    def __init__(self) -> None:
        self.open = asyncio.Semaphore(0)

    async def prefill(self, tokens: int) -> None:
        """Cost nothing."""

    async def decode(self) -> None:
        """Wait to be told."""
        await self.open.acquire()


async def test_it_grows_on_a_slow_node(stage: Stage) -> None:
    editor = await stage.fresh()
    gate = Gate()
    stage.node.behaviour = behaviours.ok(BLOCK, gate)
    await editor.type("Godef g(first, second):<CR>")
    gate.open.release()
    await editor.until_screen("compute(first, second)", without="print(value)")
    gate.open.release()
    await editor.until_screen("compute(first, second)", "print(value)", without="return value")
    gate.open.release()
    await editor.until_screen("print(value)", "return value")


async def test_what_was_put_away_comes_again_when_it_is_asked_for(stage: Stage) -> None:
    editor = await stage.fresh()
    await editor.type("Godef g(first, second):<CR>")
    await editor.until_screen("compute(first, second)", "print(value)")
    await editor.type("<C-]>")
    await editor.until_screen("def g", without="compute")
    await editor.type("<M-\\>")
    await editor.until_screen("compute(first, second)", "print(value)")


ROUND_TRIP = """
local command = { command = "cerebrum.whyNoCompletion", arguments = {} }
vim.lsp.buf_request_sync(0, "workspace/executeCommand", command, 5000)
vim.wait(0)
"""


async def test_what_was_put_away_stays_away_while_it_grows(stage: Stage) -> None:
    editor = await stage.fresh()
    gate = Gate()
    stage.node.behaviour = behaviours.ok(BLOCK, gate)
    await editor.type("Godef g(first, second):<CR>")
    gate.open.release()
    await editor.until_screen("compute(first, second)", without="print(value)")
    await editor.type("<C-]>")
    await editor.until_screen("def g", without="compute")
    gate.open.release()
    gate.open.release()

    async def is_whole() -> bool:
        return stage.node.running == 0

    await eventually(is_whole, "the end of the answer")
    for _ in range(2):  # what was told is known then, and what was asked for it answered
        await editor.lua(ROUND_TRIP)
    assert "compute" not in await editor.screen()


async def test_next_and_previous_turn_between_several(stage: Stage) -> None:
    editor = await stage.fresh()
    await editor.lua(ANOTHER)
    try:
        await editor.type("Godef g(first, second):<CR>")
        await editor.until_screen("compute(first, second)")
        for key in ("<M-]>", "<M-[>"):
            await editor.type(key)
            await editor.until_screen("raise NotImplementedError", without="compute")
            await editor.type(key)
            await editor.until_screen("compute(first, second)", without="raise")
        await editor.type("<M-]><Tab>")
        await editor.until_lua(
            "vim.api.nvim_get_current_line() == '    raise NotImplementedError'", "accepting it"
        )
    finally:
        await editor.lua(
            "vim.lsp.get_clients({ name = 'cerebrum' })[1].request = request_of_its_own"
        )


async def test_leaving_insert_mode_takes_it_away(stage: Stage) -> None:
    editor = await stage.fresh()
    await editor.type("Godef g(first, second):<CR>")
    await editor.until_screen("compute(first, second)")
    await editor.type("<Esc>")
    await editor.until_screen("def g", without="compute")


async def test_settings_apply_without_a_restart(stage: Stage) -> None:
    editor = await stage.fresh()
    await editor.type(":Cerebrum disable<CR>")
    await editor.until_screen("completions are off")
    asked = len(stage.node.asked)
    await editor.type("Godef g(first, second):<CR>")
    await editor.until_lua(f"({NEWEST}) == 'filtered:disabled'", "a refusal")
    await editor.type("<Esc>:Cerebrum why<CR>")
    await editor.until_screen("filtered:disabled")
    assert len(stage.node.asked) == asked
    await editor.type(":quit<CR>")
    await editor.type(":Cerebrum enable<CR>")
    await editor.until_screen("completions are on")
    await editor.type("Sdef h(first, second):<CR>")
    await editor.until_screen("compute(first, second)")


async def test_a_shed_pool_is_told_and_over(stage: Stage) -> None:
    editor = await stage.fresh()
    stage.node.behaviour = behaviours.refuse(503, retry_after_s=60)
    stage.node.health = stage.node.health_of(accepting=False, reason="memory-low")
    await editor.lua("vim.o.statusline = \"%{v:lua.require'cerebrum'.status()}\"")
    await editor.type("Gox = <Esc>ax")
    await editor.until_lua("#vim.diagnostic.get(0) == 1", "a diagnostic")
    (found,) = await editor.lua("return vim.diagnostic.get(0)")
    assert (found["lnum"], found["severity"]) == (2, 3), "information, on the line that asked"
    await editor.until_screen("Cerebrum ⏳")
    stage.node.behaviour = behaviours.ok(BLOCK)
    stage.node.health = stage.node.health_of()
    await editor.until_lua("#vim.diagnostic.get(0) == 0", "the end of the diagnostic")
    await editor.until_screen("Cerebrum ✓")


async def test_a_killed_daemon_is_started_again(stage: Stage) -> None:
    editor = await stage.fresh()
    client = "vim.lsp.get_clients({ name = 'cerebrum' })[1]"
    first = await editor.lua(f"return {client}.id")
    kill(await daemon_of(editor))
    await editor.until_lua(f"({client} or {{ id = {first} }}).id ~= {first}", "a new daemon")
    await editor.until_lua(READY, "a pool that is ready")
    await editor.type("Godef g(first, second):<CR>")
    await editor.until_screen("compute(first, second)")


async def daemon_of(editor: Neovim) -> int:
    """Return the process id of the daemon that this editor started."""
    own = psutil.Process(await editor.lua("return vim.fn.getpid()"))
    return next(p.pid for p in own.children(recursive=True) if "cerebrum_lsp" in p.cmdline())


async def test_the_command_tells_restarts_and_shows_the_log(stage: Stage) -> None:
    editor = await stage.fresh()
    await editor.type(":Cerebrum status<CR>")
    await editor.until_screen("Cerebrum: ready: fake-model")
    before = await daemon_of(editor)
    client = "vim.lsp.get_clients({ name = 'cerebrum' })[1]"
    first = await editor.lua(f"return {client}.id")
    await editor.type(":Cerebrum restart<CR>")
    await editor.until_lua(f"({client} or {{ id = {first} }}).id ~= {first}", "a new daemon")
    await until_gone(before)
    await editor.until_lua(READY, "a pool that is ready")
    await editor.type(":Cerebrum log<CR>")
    await editor.until_lua("vim.fn.expand('%:t') == 'cerebrum-lsp.log'", "the log")
    assert "completion" in await editor.text()
    await editor.type(":Cerebrum frobnicate<CR>")
    await editor.until_screen("Cerebrum: one of disable, enable, log, model, restart, status, why")


async def test_health_and_help_are_there(stage: Stage) -> None:
    editor = await stage.fresh()
    await editor.until_lua(READY, "a pool that is ready")
    await editor.lua("vim.cmd('checkhealth cerebrum')")
    for said in ("daemon:", "pool: ready"):  # wherever the window stands in its text
        await editor.until_lua(f"vim.fn.search('{said}', 'nw') > 0", said)
    await editor.lua("vim.cmd.bdelete({ bang = true })")
    await editor.lua("vim.cmd.helptags((...))", str(PLUGIN / "doc"))
    assert "cerebrum-keys" in await editor.lua("return vim.fn.getcompletion('cerebrum', 'help')")


BLOCKING = "import time\n\n\ndef wait():\n    time.sleep(1)\n"
AWAITING = "import asyncio\n\n\nasync def wait():\n    await asyncio.sleep(1)\n"
REFACTOR = """vim.lsp.buf.code_action({
  filter = function(action) return action.kind == 'refactor.rewrite.cerebrum.async' end,
  apply = true,
})"""


async def test_a_function_is_rewritten_to_async_and_undo_restores_it(stage: Stage) -> None:
    editor = await stage.fresh()
    await editor.lua(FILL, BLOCKING.splitlines())
    await editor.lua("vim.api.nvim_win_set_cursor(0, { 4, 6 })")
    await editor.lua(REFACTOR)
    await editor.until_lua("vim.fn.search('await asyncio.sleep', 'nw') > 0", "the rewrite")
    assert await editor.text() == AWAITING.rstrip("\n")
    await editor.type("u")
    await editor.until_lua("vim.fn.search('await', 'nw') == 0", "the undoing")
    assert await editor.text() == BLOCKING.rstrip("\n")

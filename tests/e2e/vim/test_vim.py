"""Vim with ALE: the menu's one item, taken by keys and looked at."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.editors.debian import Found
from tests.e2e.editors.documented import configuration
from tests.e2e.editors.scripted import ScriptedPool, scripted_pool
from tests.e2e.processes import eventually
from tests.e2e.vim.programs import VIM, arguments, places
from tests.e2e.vim.screen import Vim, vim
from tests.fakes import behaviours

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(150),  # it may have to be unpacked
]


@dataclass(frozen=True)
class Desk:
    """A Vim, set up as the documentation says, and a pool for it."""

    program: Found
    setup: Path
    pool: ScriptedPool

    @contextlib.asynccontextmanager
    async def editing(self, file: Path) -> AsyncIterator[Vim]:
        environment = {**self.pool.user_environment, **places(self.program)}
        async with vim([*arguments(self.program, self.setup), file], environment) as editor:
            yield editor


@pytest.fixture(scope="module")
def program() -> Found:
    return VIM.get_or_skip()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(program: Found, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    folder = tmp_path_factory.mktemp("vim")
    setup = folder / "vimrc"
    setup.write_text(configuration("Vim", "vim"), encoding="utf-8")
    async with scripted_pool(folder) as pool:
        yield Desk(program, setup, pool)


async def until_menu(editor: Vim) -> None:
    """Ask for the menu as often as it takes in a pool that is busy, until it is there."""

    async def asked() -> bool:
        editor.type("<C-Space>")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(editor.until("pumvisible()", 1), 3)
            return True
        return False

    try:
        await eventually(asked, "a menu")
    except AssertionError as error:
        error.add_note(await editor.screen())
        error.add_note(await editor.evaluate("execute('messages')"))
        raise


@pytest.mark.parametrize(
    ("typed", "pieces", "label", "expected"),
    [
        (
            ["def g(first, second):", "<CR>", "    ret"],
            ["urn compute(first)\n", "    # done"],
            "return compute",
            "\ndef g(first, second):\n    return compute(first)\n    # done|",
        ),
        (["<CR>", "    "], ["return", " first"], "return first", "\n\n    return first|"),
        (
            ["x = compute(fir)", "<Left>"],
            ["st, second", ")"],
            "first, second",
            "\nx = compute(first, second|)",
        ),
    ],
    ids=["several lines behind a word", "behind blanks", "with a bracket after it"],
)
async def test_the_menus_item_puts_the_text_in(
    desk: Desk, tmp_path: Path, typed: list[str], pieces: list[str], label: str, expected: str
) -> None:
    desk.pool.node.behaviour = behaviours.ok(pieces)
    file = tmp_path / "a.py"
    file.write_text("\n", encoding="utf-8")
    async with desk.editing(file) as editor:
        editor.type("o", *typed)
        await until_menu(editor)
        await editor.until_screen(label, "Cerebrum")
        editor.type("<C-n>", "<C-y>")
        await editor.until("pumvisible()", 0)
        assert await with_cursor(editor) == expected


async def with_cursor(editor: Vim) -> str:
    """Return the text with a bar where the cursor is."""
    _, line, column, *_ = await editor.evaluate("getpos('.')")
    lines = (await editor.text()).split("\n")
    before = lines[line - 1].encode()[: column - 1].decode()
    lines[line - 1] = f"{before}|{lines[line - 1][len(before) :]}"
    return "\n".join(lines)

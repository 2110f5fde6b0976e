"""Emacs with its own language client, eglot: the menu's one item, and a code action."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.editors.debian import Found
from tests.e2e.editors.documented import configuration
from tests.e2e.editors.scripted import ScriptedPool, scripted_pool
from tests.e2e.emacs.batch import EMACS, run_emacs
from tests.fakes import behaviours

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(150),  # it may have to be unpacked
]

BLOCKING = "import time\n\n\ndef wait():\n    time.sleep(1)\n"
AWAITING = "import asyncio\n\n\nasync def wait():\n    await asyncio.sleep(1)\n"


@dataclass(frozen=True)
class Desk:
    """An Emacs, set up as the documentation says, and a pool for it."""

    emacs: Found
    setup: Path
    pool: ScriptedPool

    async def edit(self, file: Path, *forms: str) -> str:
        """Open a file, do what `forms` say, and return the text with a bar at the cursor."""
        lisp: list[str | Path] = [self.setup, f'(test-open "{file}")', *forms, "(test-print-text)"]
        return await run_emacs(self.emacs, self.pool.user_environment, *lisp)


@pytest.fixture(scope="module")
def emacs() -> Found:
    return EMACS.get_or_skip()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(emacs: Found, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    folder = tmp_path_factory.mktemp("emacs")
    setup = folder / "init.el"
    setup.write_text(configuration("Emacs", "elisp"), encoding="utf-8")
    async with scripted_pool(folder) as pool:
        yield Desk(emacs, setup, pool)


def file_with(text: str, folder: Path) -> Path:
    file = folder / "a.py"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("before", "after", "pieces", "expected"),
    [
        (
            "def g(first):\n    ret",
            "",
            ["urn first\n", "    # done"],
            "def g(first):\n    return first\n    # done|",
        ),
        ("def g(first):\n    ", "", ["return", " first"], "def g(first):\n    return first|"),
        ("x = compute(fir", ")", ["st, second", ")"], "x = compute(first, second|)"),
    ],
    ids=["several lines behind a word", "behind blanks", "with a bracket after it"],
)
async def test_completion_at_point_puts_the_text_in(
    desk: Desk, tmp_path: Path, before: str, after: str, pieces: list[str], expected: str
) -> None:
    desk.pool.node.behaviour = behaviours.ok(pieces)
    text = await desk.edit(
        file_with(before + after, tmp_path),
        f"(goto-char {len(before) + 1})",
        "(test-until-changed #'completion-at-point)",
    )
    assert text == expected


async def test_a_function_is_rewritten_to_async_and_undo_restores_it(
    desk: Desk, tmp_path: Path
) -> None:
    file = file_with(BLOCKING, tmp_path)
    rewrite = """(let ((offered (eglot-code-actions (search-forward "wait") nil
                                                "refactor.rewrite.cerebrum.async")))
                   (eglot-execute (eglot-current-server) (seq-first offered)))"""
    assert (await desk.edit(file, rewrite)).replace("|", "") == AWAITING
    undone = await desk.edit(file, rewrite, "(undo-boundary)", "(undo)")
    assert undone.replace("|", "") == BLOCKING

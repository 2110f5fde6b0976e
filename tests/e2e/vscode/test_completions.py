"""Ghost text in the real VS Code: it comes, grows, is taken, and stays while one types along.

What the node says is set when a file is open: until then a request may come for the one before.
On a busy machine it may come later still, so that a text in steps is for one file only.
"""

import asyncio

from node_backend.wire import InferenceRequest
from tests.e2e.vscode.conftest import Workplace
from tests.fakes import behaviours
from tests.fakes.exchange import Exchange
from tests.fakes.pacing import Immediate

LINES = ["total = 0", "    for each in items:", "        total += each", "    return total"]
PIECES = [f"{line}\n" for line in LINES[:-1]] + LINES[-1:]


def is_for(name: str, asked: InferenceRequest) -> bool:
    """Whether a request is for this file."""
    return asked.infill is not None and (asked.infill.path or "").endswith(name)


class Steps:
    """Lets PIECES out as the test says; whoever asks gets all that is out by then."""

    def __init__(self) -> None:
        self.out = 0
        self._more = asyncio.Event()

    def step(self, pieces: int = 1) -> None:
        self.out += pieces
        self._more.set()
        self._more = asyncio.Event()

    def finish(self) -> None:
        self.step(len(PIECES))

    async def until(self, pieces: int) -> None:
        while self.out < pieces:
            await self._more.wait()


class OwnPace(Immediate):
    """How one request follows the steps."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._pieces = 0

    async def decode(self) -> None:
        self._pieces += 1
        await self._steps.until(self._pieces)


def in_steps(name: str, steps: Steps) -> behaviours.Behaviour:
    """Say PIECES in steps where this file is completed, and nothing elsewhere."""

    async def behave(exchange: Exchange, asked: InferenceRequest) -> None:
        pieces = PIECES if is_for(name, asked) else []
        await behaviours.ok(pieces, OwnPace(steps))(exchange, asked)

    return behave


async def test_the_pools_key_is_in_no_file_that_settings_come_from(workplace: Workplace) -> None:
    files = list(workplace.server.data.rglob("*.json"))
    assert workplace.server.data / "Machine" / "settings.json" in files
    assert not [path for path in files if workplace.orchestrator.key in path.read_text()]


async def test_ghost_text_appears_after_typing_and_tab_takes_it(workplace: Workplace) -> None:
    window = workplace.window
    await window.open(workplace.server.workspace / "take.py", "def add(a, b):\n   ")
    workplace.node.behaviour = behaviours.ok(["return", " a", " + b"])
    await window.type(" ")
    await window.until_ghost("return a + b")
    await window.press("Tab")
    await window.until_ghost("")
    await window.until_text("def add(a, b):\n    return a + b")


async def test_ghost_text_grows_in_place_on_a_slow_node(workplace: Workplace) -> None:
    window, steps = workplace.window, Steps()
    await window.open(workplace.server.workspace / "grow.py", "def add_up(items):\n   ")
    workplace.node.behaviour = in_steps("grow.py", steps)
    await window.type(" ")
    grown = ["\n".join(LINES[:lines]) for lines in range(1, len(LINES) + 1)]
    steps.step(1)
    await window.until_ghost(grown[0])
    await window.watch_ghost()
    for text in grown[1:-1]:
        steps.step(1)
        await window.until_ghost(text)
    steps.finish()
    await window.until_ghost(grown[-1])
    await window.picture("ghost-text")
    assert await window.watched_ghosts() == grown, "what stood stayed, in every frame"
    await window.press("Tab")
    await window.until_text(f"def add_up(items):\n    {grown[-1]}")


async def test_a_word_is_taken_and_the_rest_stays(workplace: Workplace) -> None:
    window = workplace.window
    await window.open(workplace.server.workspace / "word.py", "def add(first, second):\n   ")
    workplace.node.behaviour = behaviours.ok(["return", " first", " + second"])
    await window.type(" ")
    await window.until_ghost("return first + second")
    await window.press("Control+ArrowRight")
    await window.until_ghost(" first + second")
    await window.until_text("def add(first, second):\n    return first + second")


async def test_a_line_is_taken_and_the_rest_stays(workplace: Workplace) -> None:
    window = workplace.window
    await window.open(workplace.server.workspace / "line.py", "def add_up(items):\n   ")
    workplace.node.behaviour = behaviours.ok(PIECES)
    await window.type(" ")
    await window.until_ghost("\n".join(LINES))
    await window.press("Control+Alt+ArrowRight")
    await window.until_ghost("\n".join(LINES[1:]))


async def test_typing_along_keeps_the_text_while_it_grows(workplace: Workplace) -> None:
    window, steps = workplace.window, Steps()
    await window.open(workplace.server.workspace / "along.py", "def add_up(items):\n   ")
    workplace.node.behaviour = in_steps("along.py", steps)
    await window.type(" ")
    steps.step(2)
    await window.until_ghost("\n".join(LINES[:2]))
    await window.watch_ghost()
    await window.type("tot")
    await window.until_ghost("al = 0\n" + LINES[1])
    steps.finish()
    await window.until_ghost("\n".join(["al = 0", *LINES[1:]]))
    assert "" not in await window.watched_ghosts(), "it was there all the time"
    asked = [each for each in workplace.node.asked if is_for("along.py", each)]
    assert len(asked) == 1, "one generation served all of it"
    await window.press("Tab")
    await window.until_text("def add_up(items):\n    " + "\n".join(LINES))


async def test_what_was_sent_away_does_not_grow_back(workplace: Workplace) -> None:
    window, steps = workplace.window, Steps()
    await window.open(workplace.server.workspace / "away.py", "def add_up(items):\n   ")
    workplace.node.behaviour = in_steps("away.py", steps)
    await window.type(" ")
    steps.step(1)
    await window.until_ghost(LINES[0])
    await window.press("Escape")
    await window.until_ghost("")
    await window.watch_ghost()
    steps.finish()
    await window.type(" ")
    await window.press("Backspace")
    await window.until_ghost("\n".join(LINES))
    frames = await window.watched_ghosts()
    assert LINES[0] not in frames

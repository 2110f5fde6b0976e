"""A real Vim on a terminal, driven as a user drives it: by keys, and looked at.

Vim speaks JSON over a socket of its own, by which it is asked what stands on its screen.
"""

import asyncio
import contextlib
import fcntl
import itertools
import json
import os
import pty
import struct
import termios
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.e2e.processes import eventually, kill

COLUMNS, LINES = 120, 30
PATIENCE_S = 30

#: A list of lines; nothing of it disturbs what is typed.
SCREEN = (
    "map(range(1, &lines), {_, row -> "
    "join(map(range(1, &columns), {_, column -> screenstring(row, column)}), '')})"
)
#: Keys as a terminal sends them.
KEYS = {"<C-n>": "\x0e", "<C-y>": "\x19", "<C-Space>": "\x00", "<CR>": "\r", "<Left>": "\x1b[D"}


class Vim:
    """One Vim in a terminal."""

    def __init__(self, terminal: int, to_vim: asyncio.StreamWriter) -> None:
        self._terminal = terminal
        self._to_vim = to_vim
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}

    async def listen(self, from_vim: asyncio.StreamReader) -> None:
        """Take what Vim answers, to the end."""
        decoder, text = json.JSONDecoder(), ""
        while received := await from_vim.read(65536):
            text += received.decode()
            with contextlib.suppress(json.JSONDecodeError):  # more of it is to come
                while text := text.lstrip():
                    (number, answer), end = decoder.raw_decode(text)
                    text = text[end:]
                    self._answers.pop(number).set_result(answer)

    async def evaluate(self, expression: str) -> Any:
        """Return the value of a Vim expression."""
        number = -next(self._numbers)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        self._to_vim.write(json.dumps(["expr", expression, number]).encode())
        return await asyncio.wait_for(answer, PATIENCE_S)

    def type(self, *keys: str) -> None:
        """Press keys: plain text, or one of KEYS."""
        os.write(self._terminal, "".join(KEYS.get(key, key) for key in keys).encode())

    async def text(self) -> str:
        """Return the buffer's text."""
        return "\n".join(await self.evaluate("getline(1, '$')"))

    async def screen(self) -> str:
        """Return what is on the screen."""
        return "\n".join(line.rstrip() for line in await self.evaluate(SCREEN))

    async def until_screen(self, *wanted: str) -> None:
        """Wait until all of `wanted` is on the screen."""
        await self._until(self.screen, lambda seen: all(part in seen for part in wanted), wanted)

    async def until(self, expression: str, wanted: object) -> None:
        """Wait until an expression has this value."""
        await self._until(lambda: self.evaluate(expression), lambda value: value == wanted, wanted)

    async def _until(self, look: Any, is_wanted: Any, wanted: object) -> None:
        async def holds() -> bool:
            return bool(is_wanted(await look()))

        try:
            await eventually(holds, f"{wanted}")
        except AssertionError as error:
            error.add_note(f"seen last: {await look()}\n{await self.screen()}")
            raise


@contextlib.asynccontextmanager
async def vim(argv: Sequence[str | Path], environment: Mapping[str, str]) -> AsyncIterator[Vim]:
    """Run a Vim in a terminal of its own; it ends as it is, and with it what it started."""
    async with terminal() as (ours, its), connections() as (port, arrived):
        process = await asyncio.create_subprocess_exec(
            *argv,
            *("-c", f"let g:test = ch_open('127.0.0.1:{port}')"),
            stdin=its,
            stdout=its,
            stderr=its,
            env={**os.environ, **environment, "TERM": "xterm"},
            start_new_session=True,
        )
        try:
            from_vim, to_vim = await asyncio.wait_for(arrived.get(), PATIENCE_S)
            editor = Vim(ours, to_vim)
            listening = asyncio.create_task(editor.listen(from_vim))
            try:
                yield editor
            finally:
                listening.cancel()
                to_vim.close()
        finally:
            with contextlib.suppress(ProcessLookupError):
                kill(process.pid)
            await process.wait()


@contextlib.asynccontextmanager
async def terminal() -> AsyncIterator[tuple[int, int]]:
    """Open a terminal: our end, and a program's. What is drawn is thrown away."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))

    def drain() -> None:
        with contextlib.suppress(OSError):
            os.read(ours, 65536)

    asyncio.get_running_loop().add_reader(ours, drain)
    try:
        yield ours, its
    finally:
        asyncio.get_running_loop().remove_reader(ours)
        os.close(ours)
        os.close(its)


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@contextlib.asynccontextmanager
async def connections() -> AsyncIterator[tuple[int, "asyncio.Queue[Connection]"]]:
    """Listen on a free port; yield it, and who connects."""
    arrived: asyncio.Queue[Connection] = asyncio.Queue()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.put_nowait((reader, writer))

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], arrived
    finally:
        server.close()

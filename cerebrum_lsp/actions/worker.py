"""A process of ours for work that would keep the event loop from answering keystrokes.

Parsers hold the interpreter's lock, so a thread would not do. The process starts with the first
call, and ends when nobody has called for a while, when the daemon ends, or when a call takes too
long or is cancelled: then nobody waits for it any more.
"""

import asyncio
import contextlib
import logging
import pickle
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from cerebrum_kit.logs import event
from cerebrum_lsp.actions.worker_main import LENGTH
from cerebrum_lsp.errors import DaemonError

# -P: the working directory is a workspace, and may hold modules of our names.
COMMAND = (sys.executable, "-P", "-m", "cerebrum_lsp.actions.worker_main")
TIMEOUT_S = 30.0  # a file of 1 MB takes five seconds; what takes longer won't end
IDLE_S = 600.0  # it takes 60 MB, and half a second to start

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)


class WorkFailedError(DaemonError):
    """The work was given up."""

    code = "work-failed"


class Worker:
    """Calls functions in another process, one at a time; `close` ends it."""

    def __init__(self, timeout_s: float = TIMEOUT_S, idle_s: float = IDLE_S) -> None:
        self._timeout_s = timeout_s
        self._idle_s = idle_s
        self._turn = asyncio.Lock()
        self._process: Process | None = None
        self._killed: Process | None = None
        self._idle: asyncio.TimerHandle | None = None

    @property
    def pid(self) -> int | None:
        """The process id, None while none runs."""
        return self._process.pid if self._process else None

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what a module's function returns, called in the other process.

        Raises WorkFailedError when it raises, takes too long, or the process ends.
        """
        async with self._turn:
            self._stop_waiting()
            try:
                async with asyncio.timeout(self._timeout_s):
                    await self._until_gone()
                    process = self._process = self._process or await _start()
                    is_well, answer = await _exchange(process, (function, args, kwargs))
            except TimeoutError:
                self._kill()
                raise WorkFailedError(f"it took longer than {self._timeout_s:.0f} s") from None
            except (OSError, asyncio.IncompleteReadError) as error:
                self._kill()
                raise WorkFailedError("the process that rewrites code has ended") from error
            except BaseException:
                self._kill()
                raise
            self._idle = asyncio.get_running_loop().call_later(self._idle_s, self._kill)
        if not is_well:
            log.warning(event("work.failed", function=function.__name__, error=answer))
            raise WorkFailedError("an internal error; the daemon's log has more")
        return cast("T", answer)

    async def close(self) -> None:
        """End the process; returns when it is gone."""
        self._stop_waiting()
        self._kill()
        await self._until_gone()

    def _stop_waiting(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _kill(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            self._process, self._killed = None, self._process

    async def _until_gone(self) -> None:
        """Wait for the end of the process that was killed last, if it has not come yet."""
        if self._killed is not None:
            await self._killed.wait()
            self._killed = None


async def _start() -> Process:
    return await asyncio.create_subprocess_exec(
        *COMMAND, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, start_new_session=True
    )


async def _exchange(process: Process, question: object) -> tuple[bool, object]:
    assert process.stdin is not None  # noqa: S101 - both were asked for as pipes
    assert process.stdout is not None  # noqa: S101
    content = pickle.dumps(question)
    process.stdin.write(LENGTH.pack(len(content)) + content)
    await process.stdin.drain()
    (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
    # The pipe leads to a process of ours, which nobody else can write to.
    answer = pickle.loads(await process.stdout.readexactly(length))  # noqa: S301
    return cast("tuple[bool, object]", answer)

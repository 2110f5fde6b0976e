"""One child process: started, awaited until it says that it is ready, ended with certainty."""

import asyncio
import contextlib
import json
import logging
import os
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from cerebrum_kit.errors import CerebrumError
from cerebrum_kit.lifeline import LIFELINE_ENV
from cerebrum_kit.logs import event

TAIL_LINES = 30
LAST_WORDS = 10  # of these lines, what an error repeats
MAX_LINE_BYTES = 1 << 16

log = logging.getLogger(__name__)


class ChildFailedError(CerebrumError):
    """The child ended before it was ready, or can't be started for now."""

    code = "child-failed"
    retryable = True


@dataclass(frozen=True)
class ChildSpec:
    """How to start a child. It must announce itself by a line of JSON on its standard output.

    `until_ready` gets what it announced, and returns when the child can be used, for children that
    announce themselves earlier than that. Both together have `ready_timeout_s`. `pass_fds` are
    descriptors that it inherits under the same numbers.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    ready_timeout_s: float = 60.0
    grace_s: float = 3.0
    until_ready: Callable[[Mapping[str, object]], Awaitable[None]] | None = None
    pass_fds: Sequence[int] = ()


class Child:
    """A running child process on a lifeline; create it with `Child.start`."""

    def __init__(self, spec: ChildSpec, process: asyncio.subprocess.Process) -> None:
        self.spec = spec
        self.announced: dict[str, object] = {}
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._process = process
        self._stderr = asyncio.create_task(self._drain(process.stderr))
        self._stdout: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended yet."""
        return self._process.returncode is None

    @classmethod
    async def start(cls, spec: ChildSpec) -> "Child":
        """Start the child and wait until it has announced itself.

        Raises ChildFailedError, with the end of what it wrote to its standard error, when it
        ends or stays silent for `ready_timeout_s`.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                *spec.argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={**os.environ, LIFELINE_ENV: "1", **spec.env},
                start_new_session=True,  # a terminal's Ctrl-C is for the parent, which decides
                limit=MAX_LINE_BYTES,
                pass_fds=spec.pass_fds,
            )
        except OSError as error:
            raise ChildFailedError(f"can't start {spec.name}: {error}") from error
        child = cls(spec, process)
        try:
            await asyncio.wait_for(child._become_ready(), spec.ready_timeout_s)
        except BaseException as error:
            await child.stop()
            if isinstance(error, TimeoutError):
                raise ChildFailedError(
                    f"{spec.name} was not ready within {spec.ready_timeout_s:.0f} s"
                ) from error
            raise
        log.info(event("child.ready", name=spec.name, pid=child.pid))
        return child

    async def wait(self) -> int:
        """Wait until the process has ended; return its exit status (negative: a signal)."""
        return await self._process.wait()

    async def stop(self) -> None:
        """End the process: close the lifeline, ask, then kill. Returns when it is gone."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self.is_running:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), self.spec.grace_s)
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()
                await self._process.wait()
        await self._finish_reading()

    def last_words(self) -> str:
        """Return the end of what the child wrote to its standard error."""
        return "\n".join(self.tail)

    async def _become_ready(self) -> None:
        await self._await_announcement()
        if self.spec.until_ready is None:
            return
        ready = asyncio.ensure_future(self.spec.until_ready(self.announced))
        ended = asyncio.ensure_future(self._process.wait())
        try:
            await asyncio.wait({ready, ended}, return_when=asyncio.FIRST_COMPLETED)
            if not ready.done():
                raise await self._ended_early()
            await ready
        finally:
            for each in (ready, ended):
                each.cancel()
            await asyncio.gather(ready, ended, return_exceptions=True)

    async def _await_announcement(self) -> None:
        stdout = self._process.stdout
        assert stdout is not None  # noqa: S101 - it was asked for as a pipe
        while line := await stdout.readline():
            with contextlib.suppress(ValueError):
                announced = json.loads(line)
                if isinstance(announced, dict):
                    self.announced = announced
                    self._stdout = asyncio.create_task(self._drain(stdout))
                    return
        raise await self._ended_early()

    async def _ended_early(self) -> ChildFailedError:
        await self._process.wait()
        await self._finish_reading()
        last_line = next((line for line in reversed(self.tail) if line), "it said nothing")
        return ChildFailedError(
            f"{self.spec.name} ended with status {self._process.returncode} before it was ready: "
            f"{last_line}",
            details={"last_words": list(self.tail)[-LAST_WORDS:]},
        )

    async def _drain(self, stream: asyncio.StreamReader | None) -> None:
        assert stream is not None  # noqa: S101 - both are asked for as pipes
        while True:
            try:
                line = await stream.readline()
            except ValueError:
                continue  # a line over the limit: dropped
            if not line:
                return
            text = line.decode(errors="replace").rstrip()
            self.tail.append(text)
            log.debug(event("child.said", name=self.spec.name, line=text))

    async def _finish_reading(self) -> None:
        for task in (self._stderr, self._stdout):
            if task is not None:
                # A grandchild may hold the pipe open: what it says is not worth waiting for.
                await asyncio.wait({task}, timeout=0.5)
                task.cancel()

"""Real processes for tests: started, found, killed, and seen to be gone."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from cerebrum_kit.child import Child, ChildSpec

PATIENCE_S = 30.0
POLL_S = 0.01


async def eventually(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait until `condition` holds; fail, naming `what`, when it doesn't within PATIENCE_S."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not await condition():  # noqa: ASYNC110 - other processes set no events here
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise AssertionError(f"{what} did not happen within {PATIENCE_S:.0f} s") from None


async def until_gone(pid: int) -> None:
    """Wait until a process, ours or not, has ended."""

    async def is_gone() -> bool:
        try:
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    await eventually(is_gone, f"the end of process {pid}")


def kill(pid: int) -> None:
    """Kill a process as the kernel does when memory runs out."""
    os.kill(pid, signal.SIGKILL)


def child_running(pid: int, module: str) -> int:
    """Return the id of the child of `pid`, near or far, that runs a module of ours."""
    for process in psutil.Process(pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if module in process.cmdline():
                return process.pid
    raise AssertionError(f"process {pid} has no child that runs {module}")


@dataclass(frozen=True)
class Service:
    """A running service of ours."""

    url: str
    key: str
    child: Child

    @property
    def headers(self) -> dict[str, str]:
        """What a request must carry."""
        return {"X-API-Key": self.key}


@contextlib.asynccontextmanager
async def service(
    module: str, *arguments: str, key_name: str, environment: Mapping[str, str]
) -> AsyncIterator[Service]:
    """Run `python -m module serve` on a free port, with a key."""
    key = f"key-of-{module}"
    argv = [sys.executable, "-m", module, "serve", "--port", "0", "--announce", *arguments]
    child = await Child.start(ChildSpec(module, argv, {key_name: key, **environment}))
    try:
        yield Service(f"http://127.0.0.1:{child.announced['port']}", key, child)
    finally:
        await child.stop()


def isolated(folder: Path) -> dict[str, str]:
    """Return an environment in which nothing of the user's own is found or written."""
    runtime = folder / "run"
    runtime.mkdir(mode=0o700, exist_ok=True)
    return {
        "CEREBRUM_RUNTIME_DIR": str(runtime),
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "CEREBRUM_ORCHESTRATOR_URL": "",
        "CEREBRUM_MODEL": "",
        "CEREBRUM_NODES": "",
        "CEREBRUM_ORCHESTRATOR_CACHE_BYTES": "0",  # the same question is to reach the node again
        "CEREBRUM_NODE_MAX_OTHERS_CPU_PERCENT": "100",  # whatever else runs on this machine
    }

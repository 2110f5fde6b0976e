"""The engine's process: llama.cpp's HTTP server, and nothing that a crash of it could hurt.

It ends with its parent, however that ends: by the kernel's death signal, which an `exec` keeps,
and by the lifeline, which works where the parent's thread is not its whole life.
"""

import ctypes
import os
import signal
import sys
import threading

from cerebrum_kit import lifeline
from cerebrum_kit.serving import announce
from node_backend.engines.llama_cpp_settings import (
    EngineSettings,
    command_environment,
    command_line,
    common_params,
)

SETTINGS_ENV = "CEREBRUM_ENGINE_SETTINGS"
KEY_ENV = "CEREBRUM_ENGINE_KEY"
PR_SET_PDEATHSIG = 1  # <sys/prctl.h>


def main() -> None:
    """Run the engine until the parent ends."""
    settings = EngineSettings.from_json(os.environ.pop(SETTINGS_ENV))
    api_key = os.environ.pop(KEY_ENV)
    die_with_parent(settings.parent_pid)
    if settings.binary is not None:
        become_binary(settings, api_key)
    lifeline.watch(lambda: os._exit(0))
    run_in_process(settings, api_key)


def die_with_parent(parent_pid: int) -> None:
    """Have the kernel kill this process when its parent ends, even if that is happening now."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        os._exit(0)


def become_binary(settings: EngineSettings, api_key: str) -> None:
    """Announce the port and turn into the user's own llama-server. Does not return."""
    argv = command_line(settings)
    announce(port=settings.port, pid=os.getpid())
    environment = {**os.environ, **command_environment(settings, api_key)}
    try:
        os.execvpe(argv[0], argv, environment)  # noqa: S606 - no shell is wanted
    except OSError as error:
        sys.exit(f"can't run {argv[0]}: {error.strerror}")


def run_in_process(settings: EngineSettings, api_key: str) -> None:
    """Load the model, serve it, announce the port, and wait for the end."""
    import xllamacpp  # noqa: PLC0415 - 30 MB that the other way of running does not need

    params = xllamacpp.CommonParams()
    for name, value in common_params(settings).items():
        *path, attribute = name.split(".")
        target = params
        for step in path:
            target = getattr(target, step)
        setattr(target, attribute, value)
    params.api_keys = [api_key]
    try:
        server = xllamacpp.Server(params)
    except RuntimeError as error:
        sys.exit(f"can't load the model: {error}")
    announce(port=int(server.listening_address.rsplit(":", 1)[1]), pid=os.getpid())
    threading.Event().wait()


if __name__ == "__main__":
    main()

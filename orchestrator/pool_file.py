"""The file by which the editors' daemons of one user find the orchestrator that runs for them."""

import contextlib
import os
from importlib.metadata import version

from pydantic import ValidationError

from cerebrum_kit.runtime import runtime_dir, write_private
from orchestrator.wire import LocalPool

NAME = "pool.json"


def publish(port: int, key: str) -> None:
    """Say that the orchestrator of this user is this process, and where; only the user can read."""
    pool = LocalPool(pid=os.getpid(), port=port, key=key, version=version("cerebrum"))
    write_private(runtime_dir() / NAME, pool.model_dump_json())


def withdraw() -> None:
    """Remove the file, unless another orchestrator has put its own there."""
    path = runtime_dir() / NAME
    with contextlib.suppress(FileNotFoundError, ValidationError):
        if LocalPool.model_validate_json(path.read_bytes()).pid == os.getpid():
            path.unlink()

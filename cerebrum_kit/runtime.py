"""The user's runtime folder: where processes of one user find each other."""

import contextlib
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cerebrum_kit.errors import CerebrumError

RUNTIME_DIR_ENV = "CEREBRUM_RUNTIME_DIR"


class UnsafeRuntimeDirError(CerebrumError):
    """The runtime folder can be written by somebody else, so what it says can't be believed."""

    code = "unsafe-runtime-dir"


def runtime_dir() -> Path:
    """Return the folder for this user's sockets and port files, created with mode 0700.

    Raises UnsafeRuntimeDirError if it belongs to another user or others can write to it: on a
    machine without XDG_RUNTIME_DIR it stands in a shared temporary folder.
    """
    path = _runtime_path()
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = path.stat()
    if found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o022:
        raise UnsafeRuntimeDirError(
            f"{path} belongs to another user or others can write to it; "
            f"remove it, or set {RUNTIME_DIR_ENV} to a private folder",
            details={"path": str(path)},
        )
    return path


def _runtime_path() -> Path:
    """Return the folder that the environment names, or the system's own for this user."""
    if override := os.environ.get(RUNTIME_DIR_ENV):
        return Path(override)
    system = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    if os.access(system, os.W_OK):
        return Path(system) / "cerebrum"
    return Path(tempfile.gettempdir()) / f"cerebrum-{os.getuid()}"


def write_private(path: Path, text: str) -> None:
    """Write `text` to `path` with mode 0600, so that a reader sees all of it or none."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an advisory lock on `path`; blocks, and is freed by the kernel if the holder dies."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

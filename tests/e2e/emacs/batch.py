"""A real Emacs in batch mode: started with some Lisp to run, read when it has ended."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

from tests.e2e.editors.debian import DebianEditor, Found

EMACS = DebianEditor(
    title="Emacs 30",
    package="emacs-nox",
    suite="trixie",
    program="usr/bin/emacs-nox",
    variable="CEREBRUM_TEST_EMACS",
    # Sources, and what compiles Lisp to machine code.
    without=("emacs-el", "install-info", "libgcc-14-dev", "binutils", "libc6-dev"),
)
PATIENCE_S = 60
DRIVER = Path(__file__).parent / "driver.el"


async def run_emacs(found: Found, environment: Mapping[str, str], *lisp: str | Path) -> str:
    """Run files and forms in an Emacs that has nothing of the user's own; return what it prints."""
    argv = [str(found.launcher)]
    own = {**os.environ, **environment}
    if found.root is not None:
        own |= places(found.root)
        argv += [f"--dump-file={one(found.root, 'usr/libexec/emacs/*/*/*.pdmp')}"]
    argv += ["--quick", "--batch", f"--load={DRIVER}"]
    argv += [f"--load={part}" if isinstance(part, Path) else f"--eval={part}" for part in lisp]
    process = await asyncio.create_subprocess_exec(
        *argv,
        env=own,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        printed, said = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, said.decode()
    return printed.decode()


def places(root: Path) -> dict[str, str]:
    """Return where an Emacs that is only unpacked finds its files."""
    shared = one(root, "usr/share/emacs/*/etc").parent
    return {
        "EMACSLOADPATH": str(shared / "lisp"),
        "EMACSDATA": str(shared / "etc"),
        "EMACSDOC": str(shared / "etc"),
        "EMACSPATH": str(one(root, "usr/libexec/emacs/*/*")),
    }


def one(root: Path, pattern: str) -> Path:
    """Return the one path that matches."""
    (found,) = root.glob(pattern)
    return found

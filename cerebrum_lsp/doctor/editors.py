"""Which editors there are: those on the path, and the last one that the daemon talked to."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from cerebrum_lsp.core.checkup import SHOWN_NAMES, Editor

ASK_TIMEOUT_S = 5.0
VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")
SESSION = re.compile(
    r" session\.began client=\"?(?P<name>[^\"=]+?)\"?"
    r"(?: version=\"?(?P<version>[^\"=]+?)\"?)? inline_completion=(?P<inline>True|False)"
)


def installed() -> Iterator[Editor]:
    """Yield the editors on the path, as they name their version."""
    for name in SHOWN_NAMES:
        program = shutil.which(name)
        if program is not None:
            yield Editor(name, _version_of(program))


def last_session(log_file: Path) -> Editor | None:
    """Return the editor of the last session that the daemon's log tells of."""
    try:
        lines = log_file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    for line in reversed(lines):
        if found := SESSION.search(line):
            version = _parsed(found["version"] or "")
            inline = found["inline"] == "True"
            return Editor(found["name"], version, is_session=True, has_inline_completion=inline)
    return None


def _version_of(program: str) -> tuple[int, ...]:
    try:
        said = subprocess.run(
            [program, "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=ASK_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return _parsed(said.stdout)


def _parsed(text: str) -> tuple[int, ...]:
    found = VERSION.search(text)
    return tuple(int(part) for part in found.groups() if part is not None) if found else ()

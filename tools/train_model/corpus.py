"""The corpus: this interpreter's standard library without its tests and its tables of data."""

from __future__ import annotations

import hashlib
import re
import sysconfig
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

#: Folders that hold tests, other people's packages, or generated data.
SKIPPED_FOLDERS = frozenset(
    {"test", "tests", "idle_test", "site-packages", "dist-packages", "pydoc_data", "__pycache__"}
)
#: Files that are tables rather than code, by pattern (relative POSIX paths).
SKIPPED_FILES = (
    re.compile(r"^encodings/(?!__init__|aliases|idna|punycode|utf_8_sig|utf_16|utf_32)"),
    re.compile(r"(^|/)_sysconfigdata"),
    re.compile(r"^config-"),
    re.compile(r"^(msilib/(schema|sequence|text)|html/entities|lib2to3/.*\.(pickle|txt))"),
)
HELD_OUT_EVERY = 20
MIN_CHARS = 200
MAX_DATA_SHARE = 0.45

_DATA_LINE = re.compile(r"""^\s*[\[({]*\s*(['"]|b['"]|-?\d|0x)[^=]*,?\s*$""")


@dataclass(frozen=True)
class Source:
    """One file: ``path`` relative to the library's folder, ``text`` with its own line ends."""

    path: str
    text: str

    @property
    def size(self) -> int:
        """Bytes in UTF-8."""
        return len(self.text.encode())


@dataclass(frozen=True)
class Corpus:
    """The two splits, each sorted by path."""

    training: tuple[Source, ...]
    held_out: tuple[Source, ...]


def wanted(path: str) -> bool:
    """Say whether a relative POSIX path is code that we train on or hold out."""
    parts = PurePosixPath(path)
    if parts.suffix != ".py" or SKIPPED_FOLDERS.intersection(parts.parts[:-1]):
        return False
    if parts.name.startswith("test_"):
        return False
    return not any(pattern.search(path) for pattern in SKIPPED_FILES)


def data_share(text: str) -> float:
    """Share of the non-blank lines that are only literals (a table's rows)."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return 1.0
    return sum(bool(_DATA_LINE.match(line)) for line in lines) / len(lines)


def is_held_out(path: str) -> bool:
    """Decide a file's split from its path alone, so that it never changes sides."""
    digest = hashlib.sha256(path.encode()).digest()
    return int.from_bytes(digest[:4], "big") % HELD_OUT_EVERY == 0


def read_source(root: Path, file: Path) -> Source | None:
    """Read one file, or None where it is not UTF-8, tiny, or mostly data."""
    try:
        text = file.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return None
    if len(text) < MIN_CHARS or "\0" in text or data_share(text) > MAX_DATA_SHARE:
        return None
    return Source(file.relative_to(root).as_posix(), text)


def load_corpus(root: Path | None = None) -> Corpus:
    """Read every wanted file under ``root`` (default: the running Python's standard library)."""
    root = root or Path(sysconfig.get_paths()["stdlib"])
    files = sorted(f for f in root.rglob("*.py") if wanted(f.relative_to(root).as_posix()))
    sources = [s for s in (read_source(root, f) for f in files) if s is not None]
    return Corpus(
        tuple(s for s in sources if not is_held_out(s.path)),
        tuple(s for s in sources if is_held_out(s.path)),
    )

"""The workspace's folders on the disk: which files are in them, under which paths, their texts."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cerebrum_lsp.indexing.ignored import Ignored
from orchestrator.retrieval.syntax import language_of

NOT_CODE = frozenset({"json", "yaml", "toml", "markdown"})
"""Data and prose define nothing that code uses by name; what is open of them is known all the same.
"""
BINARY_LOOK_BYTES = 8000  # as far as Git looks for a zero byte


class Signature(NamedTuple):
    """What tells whether a file is still the same without reading it."""

    modified_ns: int
    size_bytes: int


class Folders:
    """Some folders.

    A file is named by its path in its folder, led by the folder's name where there are several.
    """

    def __init__(self, folders: tuple[str, ...], limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        roots = [Path(folder) for folder in dict.fromkeys(folders)]
        self._roots = dict(zip(_names(roots), roots, strict=True))
        self.refresh()

    def refresh(self) -> None:
        """Read the rules of what is ignored again."""
        self._ignored = {name: Ignored(root) for name, root in self._roots.items()}

    def key_of(self, path: str) -> str | None:
        """Return the name of a file (absolute path); None for one that is not to be known."""
        found = self._place_of(path)
        if found is None or self._ignored[found[0]].is_ignored(found[1]):
            return None
        return _join(*found)

    def keys_below(self, path: str) -> str | None:
        """Return what the names of all files below a path begin with."""
        found = self._place_of(path)
        if found is None:
            return None
        return _join(*found) + "/" if found[1] else _join(found[0], "")

    def walk(self, below: str | None = None) -> Iterator[tuple[str, str]]:
        """Yield each file of code as (key, absolute path), of everything or below a folder.

        Symbolic links are not followed: they may lead out of the workspace, or in circles.
        """
        if below is not None:
            found = self._place_of(below)
            if found is None or (found[1] and self._ignored[found[0]].is_ignored_folder(found[1])):
                return
            yield from self._walk(*found)
            return
        for name in self._roots:
            yield from self._walk(name, "")

    def signature(self, path: str) -> Signature | None:
        """Return a file's signature; None if it is no plain file, or larger than the limit."""
        try:
            status = os.lstat(path)
        except OSError:
            return None
        if not stat.S_ISREG(status.st_mode) or status.st_size > self._limit_bytes:
            return None
        return Signature(status.st_mtime_ns, status.st_size)

    def read(self, path: str) -> str | None:
        """Return a file's text; None if it can't be read, is too large, or is no text."""
        try:
            with Path(path).open("rb") as file:
                data = file.read(self._limit_bytes + 1)
        except OSError:
            return None
        if len(data) > self._limit_bytes or b"\0" in data[:BINARY_LOOK_BYTES]:
            return None
        return data.decode("utf-8", errors="replace")

    @staticmethod
    def is_code_file(path: str) -> bool:
        """Whether a path is that of a file of code, and there is one."""
        return is_code(path) and Path(path).is_file()

    @staticmethod
    def _is_wanted(path: str, entry: os.DirEntry[str]) -> bool:
        return is_code(path) and entry.is_file(follow_symlinks=False)

    def _place_of(self, path: str) -> tuple[str, str] | None:
        for name, root in self._roots.items():
            if path == str(root):
                return name, ""
            if path.startswith(f"{root}/"):
                return name, path[len(str(root)) + 1 :]
        return None

    def _walk(self, name: str, inner: str) -> Iterator[tuple[str, str]]:
        root, ignored = self._roots[name], self._ignored[name]
        pending = [inner]
        while pending:
            folder = pending.pop()
            for entry in _entries(root / folder):
                path = f"{folder}/{entry.name}" if folder else entry.name
                if entry.is_dir(follow_symlinks=False):
                    if not ignored.is_ignored_folder(path):
                        pending.append(path)
                elif self._is_wanted(path, entry) and not ignored.is_ignored(path):
                    yield _join(name, path), entry.path


def is_code(path: str) -> bool:
    """Whether a file is one that the index looks for on the disk, by its name."""
    language = language_of(path)
    return language is not None and language not in NOT_CODE


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name, reverse=True)
    except OSError:
        return []  # it has gone, or is not ours to read


def _names(roots: list[Path]) -> list[str]:
    """Return the folders' names where there are several, made unlike by numbers."""
    if len(roots) == 1:
        return [""]
    names: list[str] = []
    for root in roots:
        name, number = root.name, 2
        while name in names:
            name, number = f"{root.name}-{number}", number + 1
        names.append(name)
    return names


def _join(name: str, path: str) -> str:
    return f"{name}/{path}" if name else path

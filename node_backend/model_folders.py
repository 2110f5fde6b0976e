"""Looks into folders for models. Nothing outside a folder is found in it, whatever lies there."""

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from node_backend.core.names import is_presentable
from node_backend.core.names_files import ModelFiles, group_files, is_model_file

MAX_ENTRIES = 20_000  # of one folder, all levels together: far more than models; a look stays short
MAX_DEPTH = 8  # levels below the folder; a download cache has five


@dataclass(frozen=True)
class FoundModel:
    """A whole model, and its files in order."""

    name: str
    files: tuple[Path, ...]


@dataclass(frozen=True)
class UnusableModel:
    """A model that is there by name, but can't be run; why, and what to do about it."""

    name: str
    reason: str


Found = FoundModel | UnusableModel


@dataclass(frozen=True)
class Files:
    """The files of a folder: their real places by their paths in it."""

    home: Path
    places: dict[str, Path]
    is_complete: bool = True
    """False when the folder has more entries than are looked at."""


def list_files(root: Path, is_wanted: Callable[[str], bool]) -> Files:
    """Return the files below `root` whose path there `is_wanted`. Raises OSError for `root`.

    Hidden files and links to folders are passed over, and links to files unless they stay inside.
    """
    home = root.resolve(strict=True)
    places: dict[str, Path] = {}
    folders, seen = deque([(home, "", 0)]), 0
    while folders:
        folder, prefix, depth = folders.popleft()
        for entry in _entries(folder, is_root=depth == 0):
            seen += 1
            if seen > MAX_ENTRIES:
                return Files(home, places, is_complete=False)
            path = prefix + entry.name
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                if depth < MAX_DEPTH:
                    folders.append((folder / entry.name, f"{path}/", depth + 1))
            elif is_wanted(path) and (place := _inside(home, folder / entry.name)):
                places[path] = place
    return Files(home, places)


def models_in(root: Path) -> tuple[list[Found], list[str]]:
    """Return the models in a folder of GGUF files, and what there is to say about the folder."""
    try:
        files = list_files(root, is_model_file)
    except OSError as error:
        return [], [f"{root} can't be read: {error.strerror}"]
    notes = [] if files.is_complete else [f"{root} has too many entries; not all were looked at"]
    groups = group_files(files.places)
    shown = [group for group in groups if is_presentable(group.name)]
    if hidden := len(groups) - len(shown):
        notes.append(f"{root} has {hidden} more, with names that can't be shown")
    return [_found(group, files) for group in shown], notes


def _found(group: ModelFiles, files: Files) -> Found:
    if not group.missing:
        if len(group.files) == 1:
            return FoundModel(group.name, (files.places[group.files[0]],))
        # The engine finds the parts of a model by their names, which real places need not have.
        return FoundModel(group.name, tuple(files.home / path for path in group.files))
    names = ", ".join(Path(path).name for path in group.missing)
    others = group.missing_count - len(group.missing)
    more = f" and {others} more" if others else ""
    return UnusableModel(group.name, f"{names}{more} missing: get it from where the others are")


def _entries(folder: Path, *, is_root: bool) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        if is_root:
            raise
        return []  # a folder that only others may read has nothing for us


def _inside(home: Path, path: Path) -> Path | None:
    """Return the real place of a file if that is inside `home`."""
    try:
        place = path.resolve(strict=True)
    except (OSError, RuntimeError):  # it is gone, or a link that leads to itself
        return None
    return place if place.is_relative_to(home) and place.is_file() else None

"""From the GGUF files of a folder to models: parts of a split model belong together."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

SUFFIX = ".gguf"
# as llama.cpp's `gguf-split` calls them
SPLIT = re.compile(r"(?P<stem>.+)-(?P<part>\d{5})-of-(?P<total>\d{5})\.gguf")
NAMED_MISSING = 3  # of the missing parts; a file may claim to be one of 99,999


@dataclass(frozen=True)
class ModelFiles:
    """One model in a folder: its files by their paths there, in the order of its parts."""

    name: str
    files: tuple[str, ...]
    missing: tuple[str, ...] = ()
    """The first of the parts that are not there."""
    missing_count: int = 0


@dataclass(frozen=True)
class Part:
    """Which part of a split model a file is; the first is 1."""

    stem: str
    number: int
    total: int

    def path(self, number: int) -> str:
        """Return the path of another part."""
        return f"{self.stem}-{number:05d}-of-{self.total:05d}{SUFFIX}"


def is_model_file(path: str) -> bool:
    """Whether a file is a model, by its name."""
    return path.lower().endswith(SUFFIX)


def part_of(path: str) -> Part | None:
    """Return which part of a split model a path names, None if it names a whole one."""
    match = SPLIT.fullmatch(path)
    if match is None or not 1 <= int(match["part"]) <= int(match["total"]):
        return None
    return Part(match["stem"], int(match["part"]), int(match["total"]))


def group_files(paths: Iterable[str]) -> list[ModelFiles]:
    """Return the models that files, by their paths in a folder, make up; ordered by name.

    A model is called by its path without the suffix.
    """
    singles: list[ModelFiles] = []
    splits: dict[tuple[str, int], dict[int, str]] = {}
    for path in paths:
        if part := part_of(path):
            splits.setdefault((part.stem, part.total), {})[part.number] = path
        else:
            singles.append(ModelFiles(str(PurePosixPath(path).with_suffix("")), (path,)))
    joined = [_joined(stem, total, parts) for (stem, total), parts in splits.items()]
    return sorted([*singles, *joined], key=lambda found: found.name)


def _joined(stem: str, total: int, parts: dict[int, str]) -> ModelFiles:
    whole = Part(stem, 1, total)
    missing = []
    for number in range(1, total + 1):
        if number not in parts:
            missing.append(whole.path(number))
        if len(missing) == NAMED_MISSING:
            break
    files = tuple(path for _, path in sorted(parts.items()))
    return ModelFiles(stem, files, tuple(missing), total - len(parts))

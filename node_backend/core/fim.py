"""Fill-in-the-middle prompts: from their parts to one sequence, in the order of a model's family.

Parts are sequences of numbers. For an engine that takes tokens these are token ids; for one that
takes text they are code points, with the markers as numbers beyond Unicode (`fim_text.py`). So one
assembly and one fitting (`window.py`) serve both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

REPOSITORY_NAME = "myproject"  # what llama.cpp's server writes there
DEFAULT_PATH = "filename"  # likewise

Arrangement = Literal["psm", "spm", "joined-spm"]
"""In which order a model was trained to see the parts (Bavarian et al. 2022, arXiv 2207.14255):

psm         prefix-marker PREFIX suffix-marker SUFFIX middle-marker
spm         suffix-marker SUFFIX prefix-marker PREFIX middle-marker
joined-spm  prefix-marker suffix-marker SUFFIX middle-marker PREFIX
"""


NEAR = 64  # tokens of the prefix that follow the suffix at least: some five lines
FAR_BLOCK = 128  # tokens: what is read anew when the border moves, after some ten lines


@dataclass(frozen=True)
class Layout:
    """Where the parts stand."""

    arrangement: Arrangement = "psm"
    separator_first: bool = True
    """Whether a separator stands before the first file too, or only between files."""
    files_in_prefix: bool = False
    """Whether other files stand after the prefix marker, as if the prefix began with them."""
    path_in_prefix: bool = False
    """Whether the path of the file itself does; else it stands before all of it."""
    far_prefix_ahead: bool = False
    """Whether all but the end of a long prefix stands before the markers (`far_length`)."""


PSM = Layout()


@dataclass(frozen=True)
class FimTokens:
    """One model's markers as numbers; those that it doesn't have are None."""

    family: str
    prefix: int
    suffix: int
    middle: int | None
    repository: int | None = None
    separator: int | None = None
    layout: Layout = PSM


@dataclass(frozen=True)
class File:
    """Another file: its path as the family writes it, its text."""

    tokens: tuple[int, ...]


@dataclass(frozen=True)
class FimParts:
    """The parts of a fill-in-the-middle prompt, in the order in which people think of them."""

    start: tuple[int, ...] = ()
    """What the model wants first of all (BOS), or nothing."""
    repository: tuple[int, ...] = ()
    files: tuple[File, ...] = ()
    path: tuple[int, ...] = ()
    prefix: tuple[int, ...] = ()
    suffix: tuple[int, ...] = ()
    continuation: tuple[int, ...] = ()
    """What was already generated; stands where the generation goes on."""


def assemble(marks: FimTokens, parts: FimParts) -> list[int]:
    """Return the whole prompt.

    The name of the repository, the other files and the path are there only together: without
    other files, the plain form is what models were trained with.
    """
    layout = marks.layout
    files, path = (_files(marks, parts), list(parts.path)) if parts.files else ([], [])
    inside = files if layout.files_in_prefix else []
    outside = [] if layout.files_in_prefix else files
    if layout.path_in_prefix:
        inside = [*inside, *path]
    else:
        outside = [*outside, *path]
    far = far_length(len(parts.prefix)) if layout.far_prefix_ahead and not inside else 0
    hole = _hole(marks, [*inside, *parts.prefix[far:]], list(parts.suffix))
    return [*parts.start, *outside, *parts.prefix[:far], *hole, *parts.continuation]


def far_length(prefix_length: int) -> int:
    """Return how much of the prefix stands before all markers, where the suffix comes first.

    Only for models that can do with it: others were trained with the whole prefix in one place.
    Whoever moves the cursor by some lines changes the suffix's beginning, and an engine would read
    all that follows it anew. So only the end of the prefix does follow it; the rest goes ahead, in
    whole blocks, and stays in the KV cache.
    """
    return max(0, prefix_length - NEAR) // FAR_BLOCK * FAR_BLOCK


def _files(marks: FimTokens, parts: FimParts) -> list[int]:
    """Return all that stands before the path of the file itself."""
    separator = [] if marks.separator is None else [marks.separator]
    tokens: list[int] = []
    if marks.repository is not None:
        tokens += [marks.repository, *parts.repository]
    for index, file in enumerate(parts.files):
        tokens += separator if index or marks.layout.separator_first else []
        tokens += file.tokens
    return [*tokens, *separator]


def _hole(marks: FimTokens, prefix: list[int], suffix: list[int]) -> list[int]:
    middle = [] if marks.middle is None else [marks.middle]
    match marks.layout.arrangement:
        case "psm":
            return [marks.prefix, *prefix, marks.suffix, *suffix, *middle]
        case "spm":
            return [marks.suffix, *suffix, marks.prefix, *prefix, *middle]
        case "joined-spm":
            return [marks.prefix, marks.suffix, *suffix, *middle, *prefix]


def split_at(tokens: Sequence[int], boundary: int) -> list[tuple[int, ...]]:
    """Split a token sequence at every `boundary`, which is left out."""
    parts: list[tuple[int, ...]] = []
    begin = 0
    for index, token in enumerate(tokens):
        if token == boundary:
            parts.append(tuple(tokens[begin:index]))
            begin = index + 1
    return [*parts, tuple(tokens[begin:])]


def inert(text: str, markers: Sequence[str]) -> list[str]:
    """Cut `text` inside every literal marker, so that no piece can become a special token.

    Tokenisers are told not to look for special tokens in text, but in some vocabularies the
    markers are ordinary added tokens, which are found all the same.
    """
    cuts = sorted(
        {start + 1 for marker in markers for start in _occurrences(text, marker) if len(marker) > 1}
    )
    edges = [0, *cuts, len(text)]
    return [text[begin:end] for begin, end in pairwise(edges) if begin < end]


def _occurrences(text: str, marker: str) -> list[int]:
    starts = []
    at = text.find(marker)
    while at >= 0:
        starts.append(at)
        at = text.find(marker, at + 1)
    return starts

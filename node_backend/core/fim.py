"""How each family of models marks the place to fill.

A family is data: its markers, as they stand in its vocabulary. Models are asked to continue

    [repository NAME⏎ (separator PATH⏎ TEXT)… separator PATH⏎] prefix P suffix S middle

where the part in brackets is there only when there is text from other files, and the vocabulary
has markers for it. That is the form of the Qwen2.5-Coder report (arXiv 2409.12186).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

REPOSITORY_NAME = "myproject"  # what llama.cpp's server writes there
DEFAULT_PATH = "filename"  # likewise


@dataclass(frozen=True)
class FimFamily:
    """The markers of a family of models; the last two are absent where it has none."""

    name: str
    prefix: str
    suffix: str
    middle: str
    repository: str | None = None
    separator: str | None = None

    @property
    def required(self) -> tuple[str, str, str]:
        """The markers without which the family is not recognised."""
        return (self.prefix, self.suffix, self.middle)


FAMILIES = (
    FimFamily(
        name="qwen",
        prefix="<|fim_prefix|>",
        suffix="<|fim_suffix|>",
        middle="<|fim_middle|>",
        repository="<|repo_name|>",
        separator="<|file_sep|>",
    ),
)


@dataclass(frozen=True)
class FimTokens:
    """The token ids of one model's markers."""

    family: str
    prefix: int
    suffix: int
    middle: int
    repository: int | None = None
    separator: int | None = None

    @property
    def has_files(self) -> bool:
        """Whether text from other files can be marked as such."""
        return self.repository is not None and self.separator is not None


@dataclass(frozen=True)
class File:
    """Another file as tokens: its path, a line break, its text."""

    tokens: tuple[int, ...]


@dataclass(frozen=True)
class FimParts:
    """The parts of a fill-in-the-middle prompt as tokens, in the order of the prompt."""

    start: tuple[int, ...] = ()
    """What the model wants first of all (BOS), or nothing."""
    repository: tuple[int, ...] = ()
    files: tuple[File, ...] = ()
    path: tuple[int, ...] = ()
    prefix: tuple[int, ...] = ()
    suffix: tuple[int, ...] = ()
    continuation: tuple[int, ...] = ()
    """What was already generated; stands after the middle marker."""


def assemble(marks: FimTokens, parts: FimParts, *, suffix_first: bool = False) -> list[int]:
    """Return the prompt's tokens.

    With the suffix first, what is to be continued stands right before its continuation (Bavarian et
    al. 2022, arXiv 2207.14255, as llama.cpp's `--spm-infill` writes it); and since it is the prefix
    that grows while somebody types, more of the KV cache keeps matching. Only for models that were
    trained so.
    """
    tokens = list(parts.start)
    if parts.files and marks.repository is not None and marks.separator is not None:
        tokens += [marks.repository, *parts.repository]
        for file in parts.files:
            tokens += [marks.separator, *file.tokens]
        tokens += [marks.separator, *parts.path]
    before, after = [marks.prefix, *parts.prefix], [marks.suffix, *parts.suffix]
    tokens += [*after, *before] if suffix_first else [*before, *after]
    return [*tokens, marks.middle, *parts.continuation]


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
        start + 1 for marker in markers for start in _occurrences(text, marker) if len(marker) > 1
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

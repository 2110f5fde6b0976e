"""Fill-in-the-middle examples (Bavarian et al. 2022, arXiv 2207.14255), cut the way an editor asks.

Everything here is text and dice: cuts fall between characters, each part is tokenized by itself
later, and the order of the parts is the one in which llama.cpp's ``/infill`` lays out a prompt.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Order = Literal["psm", "spm"]

#: What the middle is, with the share of the examples.
KINDS = {"rest": 0.42, "line": 0.13, "lines": 0.13, "block": 0.14, "span": 0.18}
SPM_SHARE = 0.35
#: What is left of the suffix: nothing, its first lines, or a part that ends anywhere, as where a
#: window of so many characters or tokens ends; else all.
NO_SUFFIX, SHORT_SUFFIX, CUT_SUFFIX = 0.15, 0.15, 0.4

_BLANKS = re.compile(r"[ \t]*")


@dataclass(frozen=True)
class Cut:
    """A window of a file in three parts; together they are the window."""

    prefix: str
    middle: str
    suffix: str
    kind: str


@dataclass(frozen=True)
class Example:
    """A cut with its order and what stands before it.

    ``file`` None means that nothing does; ``repo`` None that only the header's last line is left
    (what llama.cpp does to it when prefix and suffix may take the whole context).
    """

    cut: Cut
    order: Order
    repo: str | None = "myproject"
    file: str | None = None
    extra: tuple[tuple[str, str], ...] = field(default=())


def pick(shares: dict[str, float], rng: random.Random) -> str:
    """Draw a key with its share as weight."""
    return rng.choices(list(shares), weights=list(shares.values()))[0]


def windows(text: str, shortest: int, longest: int, rng: random.Random) -> Iterator[str]:
    """Cut ``text`` at line starts into windows of log-uniform length (in characters)."""
    lines, size = [], 0
    target = log_uniform(shortest, longest, rng)
    for line in text.splitlines(keepends=True):
        lines.append(line)
        size += len(line)
        if size >= target:
            yield "".join(lines)
            lines, size = [], 0
            target = log_uniform(shortest, longest, rng)
    if lines:
        yield "".join(lines)


def log_uniform(low: int, high: int, rng: random.Random) -> int:
    """Draw a whole number whose logarithm is uniform between the bounds."""
    return round(math.exp(rng.uniform(math.log(low), math.log(high))))


def line_spans(text: str) -> list[tuple[int, int, int]]:
    """(start, first non-blank, end without the line break) of every line that is not blank."""
    spans, start = [], 0
    for line in text.splitlines(keepends=True):
        bare = line.rstrip("\r\n")
        indent = len(bare) - len(bare.lstrip(" \t"))
        if bare.strip():
            spans.append((start, start + indent, start + len(bare)))
        start += len(line)
    return spans


def block_end(spans: list[tuple[int, int, int]], first: int) -> int:
    """Index of the last line that belongs to the block that line ``first`` opens or stands in."""
    indents = [code - start for start, code, _ in spans]
    opens = first + 1 < len(spans) and indents[first + 1] > indents[first]
    last = first
    for index in range(first + 1, len(spans)):
        if indents[index] < indents[first] or (opens and indents[index] == indents[first]):
            break
        last = index
    return last


def middle_span(text: str, kind: str, rng: random.Random) -> tuple[int, int]:
    """Start and end of the middle in ``text``; (0, 0) where it has no line to cut."""
    spans = line_spans(text)
    if not spans:
        return 0, 0
    index = rng.randrange(len(spans))
    start, code, end = spans[index]
    inside = rng.randint(code, end)
    if kind == "rest":
        return inside, end
    if kind == "line":
        return (code if rng.random() < 0.7 else start), end
    if kind == "span":
        length = log_uniform(1, max(2, len(text) // 2), rng)
        begin = rng.randint(0, len(text))
        return begin, min(len(text), begin + length)
    last = block_end(spans, index) if kind == "block" else index + rng.randint(1, 4)
    last = min(last, len(spans) - 1, index + 12)
    return rng.choice((code, inside)), spans[last][2]


def cut(text: str, kind: str, rng: random.Random) -> Cut:
    """Cut a window into prefix, middle and suffix; the suffix is whole."""
    start, end = middle_span(text, kind, rng)
    return Cut(text[:start], text[start:end], text[end:], kind)


def shorten_suffix(whole: Cut, rng: random.Random) -> Cut:
    """Give some examples no suffix (the end of a file) or only its first lines."""
    dice = rng.random()
    if dice < NO_SUFFIX:
        suffix = ""
        # An editor's last line usually ends with a line break that the request leaves out or not.
        if whole.suffix.startswith("\n") and rng.random() < 0.5:
            suffix = "\n"
    elif dice < NO_SUFFIX + SHORT_SUFFIX:
        suffix = "".join(whole.suffix.splitlines(keepends=True)[: rng.randint(1, 4)])
    elif dice < NO_SUFFIX + SHORT_SUFFIX + CUT_SUFFIX and whole.suffix:
        suffix = whole.suffix[: log_uniform(1, len(whole.suffix), rng)]
    else:
        return whole
    return Cut(whole.prefix, whole.middle, suffix, whole.kind)


def make_cut(text: str, rng: random.Random) -> Cut:
    """Draw a kind of middle and cut a window of a file accordingly."""
    return shorten_suffix(cut(text, pick(KINDS, rng), rng), rng)

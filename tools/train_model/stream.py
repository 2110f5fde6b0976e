"""The stream of examples: epochs of fresh windows and cuts, fitted into rows of token ids."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tools.train_model.context import Definitions, Snippet
from tools.train_model.corpus import Source
from tools.train_model.fim import SPM_SHARE, Example, Order, make_cut, pick, windows
from tools.train_model.layout import FIM_MIDDLE, FIM_PREFIX, FIM_SUFFIX, SPECIALS, Piece, layout

#: Characters per token of the corpus, roughly; only used to draw windows of a fitting length.
CHARS_PER_TOKEN = 3.7
#: What stands before an example: nothing, the last line of llama.cpp's header (what is left of it
#: when prefix and suffix may fill the context), the whole header, the header with snippets.
FORMS = {"bare": 0.35, "tail": 0.15, "header": 0.32, "extra": 0.18}
#: The name that llama.cpp itself always gives the file being edited.
ENGINE_FILE = "filename"
SHORTEST_WINDOW = 150
#: Rows keep at least this many tokens before they are filled up with plain text.
SMALLEST_REST = 48

#: Weight of the middle's first token in prefix-suffix-middle order, where it is hard to learn.
FIRST_WEIGHT = 16.0

Tokens = list[int]
Encode = Callable[[str], Tokens]


@dataclass
class Row:
    """Inputs; for each its target, the target's weight, and the example that it belongs to."""

    ids: list[int]
    targets: list[int]
    weights: list[float]
    parts: list[int]

    def add(self, ids: list[int], targets: list[int], weights: list[float]) -> None:
        """Append an example, which sees nothing of the row's others."""
        part = self.parts[-1] + 1 if self.parts else 0
        self.ids += ids
        self.targets += targets
        self.weights += weights
        self.parts += [part] * len(ids)


class Stream:
    """Endless rows of exactly ``length`` tokens; ``epoch`` counts the passes over the files."""

    def __init__(self, sources: Sequence[Source], encode: Encode, rng: random.Random) -> None:
        self.sources = list(sources)
        self.encode = encode
        self.rng = rng
        self.definitions = Definitions(self.sources)
        self.sizes = [len(s.text) for s in self.sources]
        self.epoch = 0.0

    def _windows(self, longest: int) -> Iterator[tuple[Source, str]]:
        """Every window of every file in a random order, again and again."""
        while True:
            # Half of the files are cut shorter: more answers, which are the scarce part of a row.
            pairs = [
                (source, text)
                for source in self.sources
                for text in windows(
                    source.text, SHORTEST_WINDOW, longest // self.rng.choice((1, 4)), self.rng
                )
            ]
            self.rng.shuffle(pairs)
            for pair in pairs:
                yield pair
                self.epoch += 1 / len(pairs)

    def example(self, source: Source, text: str) -> Example:
        """Dress a window as a request: its cut, its order and what stands before it."""
        cut = make_cut(text, self.rng)
        order: Order = "spm" if self.rng.random() < SPM_SHARE else "psm"
        form = pick(FORMS, self.rng)
        if form == "bare":
            return Example(cut, order)
        if form == "tail":
            return Example(cut, order, repo=None, file=ENGINE_FILE)
        extra: list[Snippet] = []
        if form == "extra":
            extra = self.definitions.snippets(text, self.rng.randint(1, 3), self.rng)
        file = ENGINE_FILE if self.rng.random() < 0.75 else source.path
        return Example(cut, order, file=file, extra=tuple(extra))

    def rows(self, length: int) -> Iterator[Row]:
        """Pack examples into rows; what is left of a row is filled with plain text."""
        row = Row([], [], [], [])
        for source, text in self._windows(round(length * CHARS_PER_TOKEN)):
            example = lesson(*fit(layout(self.example(source, text)), self.encode, length + 1))
            if len(row.ids) + len(example[0]) > length:
                self._fill(row, length)
                yield row
                row = Row([], [], [], [])
            row.add(*example)
            if length - len(row.ids) < SMALLEST_REST:
                self._fill(row, length)
                yield row
                row = Row([], [], [], [])

    def _fill(self, row: Row, length: int) -> None:
        """Fill a row with plain text from a random line of a random file."""
        while (rest := length - len(row.ids)) > 0:
            source = self.rng.choices(self.sources, weights=self.sizes)[0]
            start = source.text.find("\n", self.rng.randrange(len(source.text))) + 1
            ids = self.encode(source.text[start : start + rest * 8])[:rest]
            ended = start + rest * 8 >= len(source.text) and len(ids) < rest
            if ended:
                ids = [*ids, 0]
            if ids:
                row.add([0, *ids[:-1]], ids, [1.0] * len(ids))


def lesson(ids: list[int], weights: list[float]) -> tuple[list[int], list[int], list[float]]:
    """Turn an example into inputs, targets and weights; ask for the middle's beginning twice.

    In prefix-suffix-middle order the marker that ends the prefix is the one place that sees the
    prefix's end as the last thing. Asked there for the middle's first token instead of the
    suffix's, the network keeps there what it has to find again at the middle's marker; without
    that, a short run doesn't learn to look back.
    """
    inputs, targets, weighed = ids[:-1], ids[1:], weights[1:]
    marks = [SPECIALS.index(mark) for mark in (FIM_PREFIX, FIM_SUFFIX, FIM_MIDDLE)]
    if all(mark in inputs for mark in marks):
        prefix, suffix, middle = (inputs.index(mark) for mark in marks)
        if prefix < suffix:
            targets[suffix] = targets[middle]
            weighed[suffix] = weighed[middle] = FIRST_WEIGHT
    return inputs, targets, weighed


def fit(pieces: Sequence[Piece], encode: Encode, length: int) -> tuple[list[int], list[float]]:
    """Tokenize each piece by itself and shorten the example to ``length`` tokens.

    The order of the sacrifices: what stands before the prefix, the suffix's end, the prefix's
    start, the middle's end.
    """
    parts = [[SPECIALS.index(p.text)] if p.special else encode(p.text) for p in pieces]
    excess = sum(map(len, parts)) - length
    for role in ("header", "suffix", "prefix", "middle"):
        for index, piece in enumerate(pieces):
            if excess <= 0:
                break
            if piece.role == role and (role == "header" or not piece.special):
                size = len(parts[index])
                drop = min(size, excess)
                from_start = role in ("header", "prefix")
                parts[index] = parts[index][drop:] if from_start else parts[index][: size - drop]
                excess -= drop
    ids = [i for part in parts for i in part]
    weights = [p.weight for p, part in zip(pieces, parts, strict=True) for _ in part]
    return ids, weights

"""The order of the parts of an example, as llama.cpp's ``/infill`` lays out its prompt."""

from __future__ import annotations

from dataclasses import dataclass

from tools.train_model.fim import Example

END = "<|endoftext|>"
FIM_PREFIX = "<|fim_prefix|>"
FIM_MIDDLE = "<|fim_middle|>"
FIM_SUFFIX = "<|fim_suffix|>"
FIM_PAD = "<|fim_pad|>"
REPO_NAME = "<|repo_name|>"
FILE_SEP = "<|file_sep|>"
#: In the order of their ids, which start at 0.
SPECIALS = (END, FIM_PREFIX, FIM_MIDDLE, FIM_SUFFIX, FIM_PAD, REPO_NAME, FILE_SEP)

#: Weight of the middle (and of the end that follows it) in the loss; other text weighs 1.
MIDDLE_WEIGHT = 4.0


@dataclass(frozen=True)
class Piece:
    """A special token, or a text that is tokenized by itself; ``weight`` is its share in the loss.

    ``role`` says which end may be shortened when an example is too long: llama.cpp drops the
    prefix's start, the suffix's end and the start of what stands before both.
    """

    text: str
    special: bool
    weight: float
    role: str


def _special(token: str, role: str = "mark", weight: float = 0.0) -> Piece:
    return Piece(token, True, weight, role)


def _text(text: str, role: str, weight: float = 1.0) -> Piece:
    return Piece(text, False, weight, role)


def header(example: Example) -> list[Piece]:
    """``<|repo_name|>NAME`` and one ``<|file_sep|>path`` per snippet and for the file itself."""
    if example.file is None:
        return []
    own = _text(f"{example.file}\n", "header", 0.0)
    if example.repo is None:
        return [own]
    pieces = [_special(REPO_NAME, "header"), _text(f"{example.repo}\n", "header", 0.0)]
    for path, snippet in example.extra:
        pieces += [_special(FILE_SEP, "header"), _text(f"{path}\n", "header", 0.0)]
        pieces.append(_text(snippet, "header"))
    return [*pieces, _special(FILE_SEP, "header"), own]


def layout(example: Example) -> list[Piece]:
    """All pieces of a fill-in-the-middle example, the end token included."""
    prefix = [_special(FIM_PREFIX), _text(example.cut.prefix, "prefix")]
    suffix = [_special(FIM_SUFFIX), _text(example.cut.suffix, "suffix")]
    question = prefix + suffix if example.order == "psm" else suffix + prefix
    answer = [
        _special(FIM_MIDDLE),
        _text(example.cut.middle, "middle", MIDDLE_WEIGHT),
        _special(END, "middle", MIDDLE_WEIGHT),
    ]
    return [*header(example), *question, *answer]

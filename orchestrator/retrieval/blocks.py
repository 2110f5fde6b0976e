"""The runs of lines of which a prompt without fences consists: comments, prose, code. Pure."""

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

Kind = Literal["comment", "prose", "code"]

LINE_COMMENT = re.compile(r"\s*(?P<mark>#+|//+!?|--+|;+|%+)(?:[ \t]+(?P<text>.*))?$")
BLOCK_COMMENTS = {
    "/*": "*/",
    "<!--": "-->",
    '"""': '"""',
    "'''": "'''",
    "(*": "*)",
    "{-": "-}",
    "--[[": "]]",
    "=begin": "=end",
}
DECORATION = re.compile(r"^[ \t]*\*(?!/)[ \t]?", re.MULTILINE)

CODE_BEGINS = re.compile(
    r"(?:(?:if|elif|else|for|while|with|try|except|finally|match|case|async|def|class|func|fn|fun|"
    r"function|struct|enum|trait|impl|interface|module|namespace|type|pub|public|private|static)\b"
    r".*[:{(]|(?:import|package|require|include|from|use|using|return|raise|local|const|let|var|"
    r"val|export|echo|puts|print|set|end)\b|(?:SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|WITH)"
    r"\b|[@{}()\[\]<$])"
)
CODE_SIGNS = re.compile(r"[;{}\\]\s*$|\s[-+*/%|&^:]?=\s|^\w+\(.*\)$|::\w|\w->\w|=>")
WORD = re.compile(r"[^\W\d_]+(?:[-'\u2019][^\W\d_]+)*[.,:;!?]*$")
UNSPACED = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]")
MIN_WORDS = 3
MIN_WORD_SHARE = 0.6


class Block(NamedTuple):
    """Lines `first` up to, not including, `last` (0-based), and each one's text without marks."""

    kind: Kind
    first: int
    last: int
    text: tuple[str, ...]


def blocks_of(lines: Sequence[str]) -> Iterator[Block]:
    """Return the blocks of a text in their order; blank lines end prose and comments."""
    index = 0
    while index < len(lines):
        if not lines[index].strip():
            index += 1
            continue
        block = _block_at(lines, index)
        yield block
        index = block.last


def _block_at(lines: Sequence[str], first: int) -> Block:
    comment = block_comment(lines, first) or line_comments(lines, first)
    if comment is not None:
        return comment
    kind: Kind = "prose" if is_prose(lines[first]) else "code"
    last = first + 1
    while last < len(lines) and _goes_on(lines, last, kind):
        last += 1
    return Block(kind, first, last, tuple(lines[first:last]))


def _goes_on(lines: Sequence[str], index: int, kind: Kind) -> bool:
    line = lines[index]
    if kind == "code":
        return bool(line.strip())
    return bool(line.strip()) and is_prose(line, min_words=1)


def line_comments(lines: Sequence[str], first: int) -> Block | None:
    """Return the comment of whole lines with the same mark that begins at `first`."""
    opening = LINE_COMMENT.match(lines[first])
    if opening is None:
        return None
    texts: list[str] = []
    for number in range(first, len(lines)):
        comment = LINE_COMMENT.match(lines[number])
        if comment is None or comment["mark"][0] != opening["mark"][0]:
            break
        texts.append((comment["text"] or "").strip())
    return Block("comment", first, first + len(texts), tuple(texts))


def block_comment(lines: Sequence[str], first: int) -> Block | None:
    """Return the block comment or top-level string that begins at `first`, if it ends somewhere."""
    line = lines[first]
    opening = next((mark for mark in BLOCK_COMMENTS if line.startswith(mark)), None)
    if opening is None:
        return None
    closing = BLOCK_COMMENTS[opening]
    rest = line[len(opening) :]
    last = first
    while closing not in rest:
        last += 1
        if last == len(lines):
            return None
        rest = lines[last]
    whole = "\n".join(lines[first : last + 1])[len(opening) :]
    inside, _, after = whole.rpartition(closing)
    if after.strip(" \t;"):
        return None  # code goes on behind it on the same line
    texts = DECORATION.sub("", inside).split("\n")
    return Block("comment", first, last + 1, tuple(text.strip() for text in texts))


def is_prose(line: str, min_words: int = MIN_WORDS) -> bool:
    """Whether a line reads like a sentence of a natural language and not like code."""
    bare = line.strip()
    if line[:1].isspace() or CODE_BEGINS.match(bare) or CODE_SIGNS.search(bare):
        return False
    if len(UNSPACED.findall(bare)) >= MIN_WORDS:
        return True
    words = [word.strip("`\"'()*_") for word in bare.split()]
    natural = sum(bool(WORD.match(word)) for word in words)
    return len(words) >= min_words and natural >= MIN_WORD_SHARE * len(words)

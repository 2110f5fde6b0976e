"""What a raw prompt asks for, and the code that it asks about. Pure.

An instruction is found, in this order: behind a marker (`# INSTRUCTION: …`), in the prose around
fenced code, in the comment or prose before or after code without fences, and in a comment in the
middle that points at the code below it. What is found is taken out of the code.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from orchestrator.retrieval.blocks import Block, blocks_of, line_comments
from orchestrator.retrieval.fences import Part, split_fences
from orchestrator.retrieval.wording import POINTER, asks, is_label, mentions_a_request

MARKER = re.compile(
    r"\s*(?:(?:#+|//+|--+|;+|%+|/\*+|<!--|\"{3}|'{3}|\*\*|>)\s*)?"
    r"(?:instructions?|task|request|question|user(?: request)?|aufgabe|anweisung|tarea"
    r"|instrucci[oó]n|t[aâ]che|consigne|指令|任务|指示)\**\s*[:\uff1a]\**\s*(?P<text>.*?)\s*(?:\*/|-->|\"{3}|'{3})?\s*$",
    re.IGNORECASE,
)
TEMPLATE = re.compile(
    r"<\|[a-z_]+\|>|\[/?INST\]|<</?SYS>>|<(?:fim_|start_of_|end_of_)\w+>|<(?:PRE|SUF|MID|EOT)>"
)
SINGLE_TARGET = re.compile(
    r"\b(?:this|following|next|diese[ns]?|cette|esta?)\s+(?:\w+\s+)?"
    r"(?:function|method|class|struct|coroutine|type|routine|funktion|methode|klasse|fonction"
    r"|méthode|función|método)\b",
    re.IGNORECASE,
)
MIN_PROSE_WORDS = 3
MIN_CODE_LINES = 3  # fewer are headings and short answers


@dataclass(frozen=True)
class Source:
    """A piece of code of a prompt.

    `anchor_line` is the 1-based line at which the instruction stood, when it speaks of the one
    definition there ("refactor this function"), and 0 otherwise.
    """

    text: str
    language: str | None = None
    anchor_line: int = 0


@dataclass(frozen=True)
class Asked:
    """An instruction and the code that it is about; no code when there is only prose."""

    instruction: str
    sources: tuple[Source, ...]


def is_template(prompt: str) -> bool:
    """Whether `prompt` is already in a model's own chat or fill-in-the-middle form."""
    return bool(TEMPLATE.search(prompt))


def extract(prompt: str) -> Asked | None:
    """Return the instruction of `prompt` with its code; None when nothing in it asks."""
    parts = split_fences(prompt)
    outside = "\n".join(part.text for part in parts if not part.is_code)
    if any(part.is_code for part in parts) and not _is_mostly_code(outside):
        return _from_fenced(parts, outside)
    return _from_plain(Source(prompt))


def _is_mostly_code(text: str) -> bool:
    """Whether fences belong to the code, as in a docstring, rather than enclosing it."""
    lines = {"code": 0, "prose": 0, "comment": 0}
    for block in blocks_of([line for line in text.split("\n") if not is_label(line)]):
        lines[block.kind] += block.last - block.first
    return lines["code"] >= max(MIN_CODE_LINES, lines["prose"] + lines["comment"])


def _from_fenced(parts: Iterable[Part], outside: str) -> Asked | None:
    sources = tuple(
        Source(part.text, part.info) for part in parts if part.is_code and part.text.strip()
    )
    said = [text for line in outside.split("\n") if (text := _without_marker(line)) is not None]
    instruction = "\n".join(said).strip()
    if len(instruction.split()) >= MIN_PROSE_WORDS or mentions_a_request(instruction):
        return Asked(instruction, sources)
    for index, source in enumerate(sources):
        if (asked := _from_plain(source)) is not None:
            return Asked(
                asked.instruction, (*sources[:index], *asked.sources, *sources[index + 1 :])
            )
    return None


def _without_marker(line: str) -> str | None:
    """Return a line of prose without the mark of an instruction; None for a mere label."""
    marked = MARKER.match(line)
    if marked is not None:
        return marked["text"]
    return None if is_label(line) else line.strip()


def _from_plain(source: Source) -> Asked | None:
    lines = source.text.split("\n")
    found = _marked(lines) or _at_the_ends(lines) or _in_the_middle(lines)
    if not found:
        return None
    instruction = "\n".join(dict.fromkeys(text for _, text in found if text))
    kept, anchor_line = _removed(lines, [number for number, _ in found], instruction)
    text = "\n".join(kept).strip("\n")
    left_out = len("\n".join(kept)) - len("\n".join(kept).lstrip("\n"))
    anchored = replace(source, text=text, anchor_line=max(0, anchor_line - left_out))
    return Asked(instruction, (anchored,) if text.strip() else ())


def _removed(
    lines: Sequence[str], numbers: Sequence[int], instruction: str
) -> tuple[list[str], int]:
    """Return the lines without those `numbers`, and the 1-based line that now stands there."""
    gone = set(numbers)
    kept = [line for number, line in enumerate(lines) if number not in gone and not is_label(line)]
    if not SINGLE_TARGET.search(instruction):
        return kept, 0
    before = sum(
        number not in gone and not is_label(line) for number, line in enumerate(lines[: max(gone)])
    )
    return kept, before + 1


Found = list[tuple[int, str]]
"""Lines that belong to the instruction (0-based), and their text."""


def _marked(lines: Sequence[str]) -> Found:
    found: Found = []
    last = -1
    for number, line in enumerate(lines):
        marked = MARKER.match(line) if number > last else None
        if marked is not None:
            found.append((number, marked["text"]))
            found.extend(_continuation(lines, number, is_empty=not marked["text"]))
            last = found[-1][0]
    return found if any(text for _, text in found) else []


def _continuation(lines: Sequence[str], number: int, *, is_empty: bool) -> Found:
    """Return what goes on below a marker: comment lines, or prose below an empty one."""
    comment = line_comments(lines, number)
    if comment is not None and (len(comment.text) > 1 or not is_empty):
        return [(number + step, text) for step, text in enumerate(comment.text)][1:]
    if not is_empty:
        return []
    following = next(iter(blocks_of(lines[number + 1 :])), None)
    if following is None or following.kind == "code":
        return []
    return [(number + 1 + row, text) for row, text in _rows(following)]


def _rows(block: Block) -> Found:
    return [(block.first + step, text) for step, text in enumerate(block.text)]


def _at_the_ends(lines: Sequence[str]) -> Found:
    blocks = list(blocks_of(lines))
    code = [index for index, block in enumerate(blocks) if block.kind == "code"]
    if not code:
        prose = [row for block in blocks for row in _rows(block)]
        return prose if mentions_a_request("\n".join(text for _, text in prose)) else []
    ends = (*blocks[: code[0]], *blocks[code[-1] + 1 :])
    return [row for block in ends for row in _asking(block)]


def _asking(block: Block) -> Found:
    """Return the lines of a block that ask: a whole paragraph, a comment from its first request."""
    rows = _rows(block)
    if block.kind == "prose":
        return rows if mentions_a_request("\n".join(block.text)) else []
    for index, (_, text) in enumerate(rows):
        if asks(text):
            return rows if index == 0 or not rows[0][1] else rows[index:]
    return []


def _in_the_middle(lines: Sequence[str]) -> Found:
    """Return a comment within the code that points at the code and asks to change it."""
    last = 0
    for number, line in enumerate(lines):
        if number < last or not line.lstrip().startswith(("#", "//", "--", ";", "%")):
            continue
        comment = line_comments(lines, number)
        if comment is None:
            continue
        last = comment.last
        if asks(comment.text[0]) and POINTER.search(comment.text[0]):
            return _rows(comment)
    return []

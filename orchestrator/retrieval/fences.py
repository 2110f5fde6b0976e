"""Fenced code in a prompt. Pure; the rules are CommonMark's (fenced code blocks)."""

import re
from dataclasses import dataclass

OPENING = re.compile(r" {0,3}(?P<fence>`{3,}|~{3,})[ \t]*(?P<info>[^`\n]*)$")


@dataclass(frozen=True)
class Part:
    """A run of lines of a prompt: the inside of a fence, or what stands outside of fences.

    `info` is the first word after the opening fence, `closed` whether the fence was closed.
    """

    text: str
    is_code: bool = False
    info: str | None = None
    closed: bool = True


def split_fences(prompt: str) -> list[Part]:
    """Return the parts of `prompt` in their order, without the lines of the fences."""
    parts: list[Part] = []
    lines: list[str] = []
    opened: re.Match[str] | None = None
    for line in prompt.split("\n"):
        if opened is not None and _closes(line, opened["fence"]):
            parts.append(_code(lines, opened, closed=True))
            lines, opened = [], None
        elif opened is None and (opening := OPENING.match(line)):
            parts.append(Part("\n".join(lines)))
            lines, opened = [], opening
        else:
            lines.append(line)
    parts.append(_code(lines, opened, closed=False) if opened else Part("\n".join(lines)))
    return [part for part in parts if part.is_code or part.text.strip()]


def _closes(line: str, fence: str) -> bool:
    bare = line.strip()
    return len(bare) >= len(fence) and not bare.strip(fence[0]) and not line.startswith("    ")


def _code(lines: list[str], opening: re.Match[str], *, closed: bool) -> Part:
    words = opening["info"].split()
    return Part("\n".join(lines), is_code=True, info=words[0] if words else None, closed=closed)

"""The code in what a chat model answers: out of its fences, without the talk around it."""

import re

from cerebrum_lsp.core.filters.unwrap_chat import THINKING

FENCE = re.compile(r"^[ \t]*(?P<marks>`{3,}|~{3,})[ \t]*(?P<info>[^\n`]*?)[ \t]*\r?$", re.MULTILINE)
CODE_BEGINS = re.compile(
    r"^[ \t]*(?:@\w|import \w|from [\w.]+ import |async |def |class )", re.MULTILINE
)


def candidates(answer: str) -> list[str]:
    """Return the texts that may be the code, the likeliest first.

    Fenced blocks in their order; one that was never closed too. Without a fence, what begins like
    code, whole and then without its last paragraphs, which may be talk.
    """
    text = without_thinking(answer)
    blocks = fenced(text)
    if blocks:
        return [block for block, _ in blocks]
    begin = CODE_BEGINS.search(text)
    if begin is None:
        return []
    paragraphs = re.split(r"(\n[ \t]*\n)", text[begin.start() :])
    return ["".join(paragraphs[: 2 * count + 1]) for count in range(len(paragraphs) // 2, -1, -1)]


def has_ended(answer: str) -> bool:
    """Whether a growing answer has closed its block of code: what follows would be talk."""
    return any(is_closed for _, is_closed in fenced(without_thinking(answer)))


def without_thinking(answer: str) -> str:
    """Return an answer without the thoughts that a reasoning model writes before it."""
    return THINKING.sub("", answer, count=1) if "<think" in answer[:20] else answer


def prose_of(answer: str) -> str:
    """Return what was written as prose: outside of fences, or in the only one there is."""
    text = without_thinking(answer).strip()
    blocks = fenced(text)
    outside = _outside(text).strip()
    return outside if outside or not blocks else blocks[0][0].strip()


def whole_sentences(prose: str) -> str:
    """Return prose up to the end of its last whole sentence."""
    return prose[: max(prose.rfind(mark) for mark in (". ", ".\n", "! ", "? ")) + 1]


def fence_around(code: str) -> str:
    """Return a fence that nothing in the code can close."""
    longest = max((len(run) for run in re.findall(r"`{3,}", code)), default=2)
    return "`" * max(3, longest + 1)


def fenced(text: str) -> list[tuple[str, bool]]:
    """Return the fenced blocks, and whether each is closed (CommonMark's rules)."""
    found = list[tuple[str, bool]]()
    opening: re.Match[str] | None = None
    for fence in FENCE.finditer(text):
        if opening is None:
            opening = fence
        elif _closes(fence, opening):
            found.append((text[opening.end() + 1 : fence.start()], True))
            opening = None
    if opening is not None:
        found.append((text[opening.end() + 1 :], False))
    return found


def _closes(fence: re.Match[str], opening: re.Match[str]) -> bool:
    marks = opening["marks"]
    return not fence["info"] and fence["marks"].startswith(marks)


def _outside(text: str) -> str:
    kept, opening = list[str](), None
    for line in text.split("\n"):
        fence = FENCE.match(line)
        if fence is None:
            kept += [line] if opening is None else []
        elif opening is None:
            opening = fence
        elif _closes(fence, opening):
            opening = None
    return "\n".join(kept)

"""What the edited file says too far above the cursor to stand in the prompt."""

from cerebrum_lsp.core.retrieval.selection import Own
from cerebrum_lsp.core.retrieval.situation import WORD, Situation

SHOWN_CHARS = 1500
"""So much of the text before the cursor stands in every prompt, however small."""


def own_lines(situation: Situation, shown_chars: int = SHOWN_CHARS) -> Own:
    """Return the lines that name what the file defines and imports.

    Those among the last `shown_chars` before the cursor are left out: the prompt shows them.
    """
    far = _far_line(situation, shown_chars)
    # Of a name that is defined again and again, only the nearest: a large file has hundreds.
    definitions = situation.outline.definitions
    heads = {each.name: each.head_line for each in definitions if each.head_line <= far}
    lines = set(heads.values())
    for each in situation.imports:
        lines.update(range(each.first_line, each.last_line + 1))
    shown = "\n".join([*situation.lines[far:], situation.line_before])
    return Own(
        situation.path,
        situation.lines[:far],
        tuple(sorted(line for line in lines if line <= far)),
        frozenset(WORD.findall(shown)),
    )


def _far_line(situation: Situation, shown_chars: int) -> int:
    """Return the last line that the prompt does not show."""
    left, line = shown_chars, len(situation.lines)
    while line and left > 0:
        line -= 1
        left -= len(situation.lines[line]) + 1
    return line

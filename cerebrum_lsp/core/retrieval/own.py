"""What the edited file defines too far above the cursor to stand in the prompt."""

from cerebrum_lsp.core.retrieval.select import Own
from cerebrum_lsp.core.retrieval.situation import Situation
from orchestrator.retrieval.syntax.structure import CONTAINERS

SHOWN_CHARS = 1500
"""So much of the text before the cursor stands in every prompt, however small."""


def own_lines(situation: Situation, shown_chars: int = SHOWN_CHARS) -> Own:
    """Return the lines that name the file's definitions, the class around the cursor first.

    Those among the last `shown_chars` before the cursor are left out: the prompt shows them.
    """
    far = _far_line(situation, shown_chars)
    ranked: list[tuple[float, int]] = []
    classes = {
        index
        for index, each in enumerate(situation.outline.definitions)
        if each.kind in CONTAINERS and each.name == situation.class_name
    }
    for index, each in enumerate(situation.outline.definitions):
        if each.head_line > far:
            break
        chain = {each.parent, situation.outline.definitions[each.parent].parent, index}
        worth = 2.0 if chain & classes else 1.0 if each.parent < 0 else 0.0
        worth += each.name in situation.close_words or each.name in situation.function_words
        ranked.append((-worth, -each.head_line))
    lines = tuple(dict.fromkeys(-line for worth, line in sorted(ranked) if worth <= -1.0))
    return Own(situation.path, situation.lines[:far], lines)


def _far_line(situation: Situation, shown_chars: int) -> int:
    """Return the last line that the prompt does not show."""
    left, line = shown_chars, len(situation.lines)
    while line and left > 0:
        line -= 1
        left -= len(situation.lines[line]) + 1
    return line

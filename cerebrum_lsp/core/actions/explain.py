"""Explain: what some lines do, as a comment above them, which every editor can show and undo."""

from cerebrum_lsp.core.actions.comments import comment_form, commented
from cerebrum_lsp.core.actions.edits import above, changes_between
from cerebrum_lsp.core.actions.extraction import prose_of, whole_sentences
from cerebrum_lsp.core.actions.prompts import PROSE_ONLY, Plan, block, with_complaint
from cerebrum_lsp.core.actions.region import region_of, syntax_errors
from cerebrum_lsp.core.actions.values import Change, Refused, Task

TASK = """\
Explain to a colleague what this code does and why it does it in this way, in two to five sentences.

{code}"""
ROOM_TOKENS = 300
NOTHING_HERE = Refused("there is no code on this line")
NO_COMMENTS = Refused("this language has no comments to explain in")


def plan(task: Task, complaint: str, room: int) -> Plan | Refused:
    """Return what to ask about the lines."""
    region = region_of(task)
    if region is None:
        return NOTHING_HERE
    asked = TASK.format(code=block(region.text, task.language))
    return Plan(PROSE_ONLY, with_complaint(asked, complaint), room * ROOM_TOKENS, False)


def read(task: Task, answer: str, *, is_cut: bool) -> Change | Refused:
    """Return the comment; an answer that was cut ends with its last whole sentence."""
    region, form = region_of(task), comment_form(task.language)
    if region is None:
        return NOTHING_HERE
    if form is None:
        return NO_COMMENTS
    prose = prose_of(answer)
    prose = whole_sentences(prose) if is_cut else prose
    if not prose:
        return Refused("it says nothing", is_open=True)
    comment = commented(prose, form, region.indentation)
    text = above(task.text, region.first, comment)
    if syntax_errors(text, task.language) > syntax_errors(task.text, task.language):
        return Refused("a comment can't stand here")
    return Change("Explained by a model", changes_between(task.text, text))

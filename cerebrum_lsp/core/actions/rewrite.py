"""Fix a diagnostic, and carry out a free instruction: the model writes some lines anew.

What can be checked is that the file still parses, and, for a fix, that it still defines the same.
"""

import textwrap

from cerebrum_lsp.core.actions.cut_secrets import cut, restored
from cerebrum_lsp.core.actions.edits import changes_between, newline_of
from cerebrum_lsp.core.actions.extraction import candidates
from cerebrum_lsp.core.actions.kinds import FIX
from cerebrum_lsp.core.actions.prompts import CODE_ONLY, Plan, block, tokens_for, with_complaint
from cerebrum_lsp.core.actions.region import Region, defined_names, region_of, syntax_errors
from cerebrum_lsp.core.actions.values import Change, Refused, Task
from cerebrum_lsp.core.lines import split_lines

FIXED = """\
A tool reports for {place} of the code below: {words}

{code}

Answer with the whole code, changed as little as possible so that the report is settled."""
INSTRUCTED = """\
{words}

{code}

Answer with the whole code, changed as asked and otherwise the same."""
UNSAID = Refused("it wasn't said what to change")
NOTHING_HERE = Refused("there is no code on this line")


def plan(task: Task, complaint: str, room: int) -> Plan | Refused:
    """Return what to ask about the lines."""
    region = region_of(_around(task))
    if region is None:
        return NOTHING_HERE
    if not task.words.strip():
        return UNSAID
    code = textwrap.dedent(region.text)
    form = FIXED if task.kind == FIX else INSTRUCTED
    line = task.first_line - region.first
    sent = block(code, task.language)
    asked = form.format(place=f"line {line + 1}", words=cut(task.words), code=sent)
    return Plan(CODE_ONLY, with_complaint(asked, complaint), room * tokens_for(code, 2.0))


def read(task: Task, answer: str, *, is_cut: bool) -> Change | Refused:
    """Return the change that an answer proposes, if what it leaves is still code."""
    region = region_of(_around(task))
    if region is None:
        return NOTHING_HERE
    if is_cut:
        return Refused("it was cut off", is_open=True)
    found = candidates(answer)
    if not found:
        return Refused("there is no code in it", is_open=True)
    code = restored(found[0], textwrap.dedent(region.text))
    if code is None:
        return Refused("it doesn't keep the values that were cut out", is_open=True)
    text = put(task.text, region, code)
    if wrong := _what_is_wrong(task, text):
        return Refused(wrong, is_open=True)
    label = "Fix by a model" if task.kind == FIX else "Changed by a model, as you asked"
    return Change(label, changes_between(task.text, text))


def put(text: str, region: Region, code: str) -> str:
    """Return the text with code in the place of a region, indented as that was."""
    lines, newline = split_lines(text), newline_of(text)
    code = textwrap.dedent(code.replace("\r\n", "\n")).strip("\n")
    indented = textwrap.indent(code, region.indentation).replace("\n", newline)
    ended = lines[region.last].endswith(("\n", "\r"))
    after = "".join(lines[region.last + 1 :])
    return "".join(lines[: region.first]) + indented + (newline if ended else "") + after


def _around(task: Task) -> Task:
    """Return the task for the definition around a diagnostic, which says where and not what."""
    if task.kind != FIX:
        return task
    return Task(**{**vars(task), "last_line": task.first_line})


def _what_is_wrong(task: Task, text: str) -> str:
    if text == task.text:
        return "it changes nothing"
    if syntax_errors(text, task.language) > syntax_errors(task.text, task.language):
        return "it doesn't parse"
    if task.kind != FIX:
        return ""
    lost = defined_names(task.text, task.language) - defined_names(text, task.language)
    return f"`{'.'.join(min(lost))}` isn't defined any more" if lost else ""

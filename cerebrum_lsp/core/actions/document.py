"""Document: the model writes sentences, we make them a docstring or a comment.

So the code can't change, and a slow node has little to write.
"""

import ast
import re

from cerebrum_lsp.core.actions.comments import WIDTH, commented, doc_form, wrapped
from cerebrum_lsp.core.actions.edits import above, changes_between
from cerebrum_lsp.core.actions.extraction import candidates, prose_of, whole_sentences
from cerebrum_lsp.core.actions.prompts import PROSE_ONLY, Plan, block, with_complaint
from cerebrum_lsp.core.actions.region import Region, definition_region, syntax_errors
from cerebrum_lsp.core.actions.values import Change, Refused, Task
from cerebrum_lsp.core.lines import split_lines
from cerebrum_lsp.core.python_tree import parsed

TASK = """\
Write the documentation of `{name}` in the code below: one short sentence that says what it does, \
in the imperative; then, after a blank line and only if it isn't obvious, what callers have to \
know of its arguments, its result and its errors. Only the text, without quotes and comment marks.

{code}"""
LABEL = "Documented by a model"
ROOM_TOKENS = 250
NOTHING_HERE = Refused("there is no function or class on this line")
QUOTES = re.compile(r"\A[rRuU]?(\"{3}|'{3}|\"|')\s*(.*?)\s*\1\Z", re.DOTALL)

Documented = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def plan(task: Task, complaint: str, room: int) -> Plan | Refused:
    """Return what to ask about the definition."""
    region = definition_region(task)
    if region is None or region.definition is None:
        return NOTHING_HERE
    asked = TASK.format(name=region.definition.name, code=block(region.text, task.language))
    return Plan(PROSE_ONLY, with_complaint(asked, complaint), room * ROOM_TOKENS, False)


def read(task: Task, answer: str, *, is_cut: bool) -> Change | Refused:
    """Return the change; an answer that was cut ends with its last whole sentence."""
    region = definition_region(task)
    if region is None:
        return NOTHING_HERE
    prose = _prose(answer)
    prose = whole_sentences(prose) if is_cut else prose
    if not prose:
        return Refused("it says nothing", is_open=True)
    if task.language == "python":
        return _with_docstring(task, region, prose)
    form = doc_form(task.language)
    if form is None:
        return Refused("this language has no comments to document in")
    text = above(task.text, region.first, commented(prose, form, region.indentation))
    if syntax_errors(text, task.language) > syntax_errors(task.text, task.language):
        return Refused("a comment can't stand here")
    return Change(LABEL, changes_between(task.text, text))


def _prose(answer: str) -> str:
    """Return the documentation in an answer, out of quotes, or out of code that holds it."""
    for candidate in candidates(answer):
        tree = parsed(candidate)
        for node in ast.walk(tree) if tree else ():
            if isinstance(node, Documented) and (found := ast.get_docstring(node)):
                return found
    prose = prose_of(answer)
    quoted = QUOTES.match(prose)
    return quoted[2] if quoted else prose


def _with_docstring(task: Task, region: Region, prose: str) -> Change | Refused:
    before = parsed(task.text)
    node = _defined_at(before, region) if before else None
    if before is None or node is None:
        return Refused("the file doesn't parse")
    if ast.get_docstring(node) is not None:
        return Refused("it is documented already")
    lines = split_lines(task.text)
    first = node.body[0]
    line = min([first.lineno, *(d.lineno for d in getattr(first, "decorator_list", ()))]) - 1
    if lines[line][: first.col_offset].strip() or line < node.lineno:
        return Refused("its body stands on the line of its head")
    indentation = lines[line][: len(lines[line]) - len(lines[line].lstrip(" \t"))]
    text = above(task.text, line, docstring(prose, indentation))
    if not _is_same_but_for_docstring(before, parsed(text), region):
        return Refused("it can't be written as a docstring", is_open=True)
    return Change(LABEL, changes_between(task.text, text))


def docstring(prose: str, indentation: str) -> str:
    """Return prose as the lines of a docstring."""
    safe = prose.replace("\\", "\\\\").replace('"""', "'''")
    lines = wrapped(safe, WIDTH - len(indentation.expandtabs(4)) - 3)
    if len(lines) == 1 and not lines[0].endswith('"'):
        return f'{indentation}"""{lines[0]}"""\n'
    body = "".join(f"{indentation}{line}".rstrip() + "\n" for line in lines)
    return f'{indentation}"""{body.lstrip()}{indentation}"""\n'


def _defined_at(tree: ast.Module, region: Region) -> Documented | None:
    if region.definition is None:
        return None
    line = region.definition.head_line
    found = (n for n in ast.walk(tree) if isinstance(n, Documented) and n.lineno == line)
    return next(found, None)


def _is_same_but_for_docstring(
    before: ast.Module, after: ast.Module | None, region: Region
) -> bool:
    node = _defined_at(after, region) if after else None
    if after is None or node is None or ast.get_docstring(node) is None:
        return False
    del node.body[0]
    return ast.dump(before) == ast.dump(after)

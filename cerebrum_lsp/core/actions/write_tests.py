"""Write tests: a new file beside the one that is tested, which is left as it is."""

import ast
from dataclasses import dataclass
from pathlib import PurePosixPath

from cerebrum_lsp.core.actions.extraction import candidates
from cerebrum_lsp.core.actions.prompts import CODE_ONLY, Plan, block, with_complaint
from cerebrum_lsp.core.actions.region import Region, definition_region, syntax_errors
from cerebrum_lsp.core.actions.values import Change, NewFile, Refused, Task
from cerebrum_lsp.core.python_tree import parsed

TASK = """\
Write tests for `{name}` with {framework}. The code is in the file `{file}`. Test what it \
promises: an ordinary case, the limits, the errors. Import what you test.

{code}

Answer with a whole test file."""
ROOM_TOKENS = 1024
NOTHING_HERE = Refused("there is no function or class on this line")
NO_HABIT = Refused("tests of this language aren't known here")


@dataclass(frozen=True)
class Habit:
    """How a language's test files are called, and what most write them with."""

    name: str
    framework: str


HABITS = {
    "python": Habit("test_{stem}{suffix}", "pytest"),
    "javascript": Habit("{stem}.test{suffix}", "the built-in `node:test`"),
    "typescript": Habit("{stem}.test{suffix}", "the built-in `node:test`"),
    "typescriptreact": Habit("{stem}.test{suffix}", "Vitest"),
    "javascriptreact": Habit("{stem}.test{suffix}", "Vitest"),
    "go": Habit("{stem}_test{suffix}", "the standard `testing` package"),
}


def plan(task: Task, complaint: str, room: int) -> Plan | Refused:
    """Return what to ask about the definition."""
    region, habit = definition_region(task), HABITS.get(task.language)
    if region is None or region.definition is None:
        return NOTHING_HERE
    if habit is None:
        return NO_HABIT
    asked = TASK.format(
        name=region.definition.name,
        framework=habit.framework,
        file=PurePosixPath(task.path).name,
        code=block(region.text, task.language),
    )
    return Plan(CODE_ONLY, with_complaint(asked, complaint), room * ROOM_TOKENS)


def read(task: Task, answer: str, *, is_cut: bool) -> Change | Refused:
    """Return the new file, if it parses, tests something, and names what it tests."""
    region, habit = definition_region(task), HABITS.get(task.language)
    if region is None:
        return NOTHING_HERE
    if habit is None:
        return NO_HABIT
    if is_cut:
        return Refused("it was cut off", is_open=True)
    found = candidates(answer)
    wrong = _what_is_wrong(task, region, found[0]) if found else "there is no code in it"
    if wrong:
        return Refused(wrong, is_open=True)
    path = PurePosixPath(task.path)
    name = habit.name.format(stem=path.stem, suffix=path.suffix)
    return Change("Tests by a model", new_file=NewFile(name, found[0].strip("\n") + "\n"))


def _what_is_wrong(task: Task, region: Region, code: str) -> str:
    if syntax_errors(code, task.language):
        return "it doesn't parse"
    name = region.definition.name if region.definition else ""
    if name not in code:
        return f"it doesn't name `{name}`"
    return "" if task.language != "python" else _what_is_wrong_in_python(code)


def _what_is_wrong_in_python(code: str) -> str:
    tree = parsed(code)
    if tree is None:
        return "it doesn't parse"
    functions = [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return "" if any(name.startswith("test") for name in functions) else "it holds no test"

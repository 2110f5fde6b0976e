"""What models do beside the refactoring: from an answer to a text, and what is refused.

Cases are data: `‸` marks the cursor's line, or the first and the last line of a selection.
"""

from typing import NamedTuple

import pytest

from cerebrum_lsp.core.actions.edits import changes_between
from cerebrum_lsp.core.actions.kinds import DOCUMENT, EXPLAIN, FIX, INSTRUCT, TESTS, TYPES
from cerebrum_lsp.core.actions.prompts import Plan
from cerebrum_lsp.core.actions.recipes import plan, read
from cerebrum_lsp.core.actions.values import Change, Refused, Task
from tests.cerebrum_lsp.actions.test_core import applied
from tests.cursor import MARK

PLAIN = """\
import os


class Shelf:
    @property
    ‸def height(self, unit, *, factor=2):
        return os.stat(unit).st_size * factor


SIZE = 3
"""
SCRIPT = "function‸ twice(n) {\n  return 2 * n;\n}\n"
LONG = "It adds what it is given, again and again, until there is nothing left to be added to it. "


def task_of(kind: str, marked: str, language: str = "python", words: str = "") -> Task:
    before, *selected, after = marked.split(MARK)
    first = before.count("\n")
    last = first + "".join(selected).count("\n")
    text = "".join([before, *selected, after])
    return Task(kind, "shop/shelf.py", language, text, first, last, words)


class Case(NamedTuple):
    kind: str
    marked: str
    answer: str
    expected: str
    language: str = "python"
    words: str = ""
    is_cut: bool = False


def check(case: Case) -> None:
    """The answer leads to the expected text; `refused: …` stands for a refusal that says so."""
    task = task_of(case.kind, case.marked, case.language, case.words)
    answer = read(task, case.answer, is_cut=case.is_cut)
    if isinstance(answer, Refused):
        assert f"refused: {answer.reason}" == case.expected
        return
    assert answer.review == ""
    text = answer.new_file.text if answer.new_file else applied(task.text, answer.changes)
    assert text == case.expected


def with_doc(doc: str) -> str:
    return PLAIN.replace(MARK, "").replace("factor=2):\n", f"factor=2):\n{doc}")


DOCUMENTED = {
    "one sentence": Case(
        DOCUMENT, PLAIN, "Return the height.", with_doc('        """Return the height."""\n')
    ),
    "quotes around it": Case(
        DOCUMENT, PLAIN, '"""Return the height."""', with_doc('        """Return the height."""\n')
    ),
    "code around it": Case(
        DOCUMENT,
        PLAIN,
        '```python\ndef height(self):\n    """Return the height."""\n    return 0\n```',
        with_doc('        """Return the height."""\n'),
    ),
    "two paragraphs": Case(
        DOCUMENT,
        PLAIN,
        "Return it.\n\nRaises OSError.",
        with_doc('        """Return it.\n\n        Raises OSError.\n        """\n'),
    ),
    "quotes and backslashes that would end it": Case(
        DOCUMENT,
        PLAIN,
        'Say """no""" \\x and "yes"',
        with_doc('        """Say \'\'\'no\'\'\' \\\\x and "yes"\n        """\n'),
    ),
    "a cut sentence is left out": Case(
        DOCUMENT,
        PLAIN,
        "Return it. And th",
        with_doc('        """Return it."""\n'),
        is_cut=True,
    ),
    "nothing": Case(DOCUMENT, PLAIN, "  \n", "refused: it says nothing"),
    "a body on the head's line": Case(
        DOCUMENT, "‸def f(): return 1\n", "Yes.", "refused: its body stands on the line of its head"
    ),
    "documented already": Case(
        DOCUMENT, '‸def f():\n    """Yes."""\n', "No.", "refused: it is documented already"
    ),
    "no definition": Case(
        DOCUMENT, "‸x = 1\n", "No.", "refused: there is no function or class on this line"
    ),
    "another language": Case(
        DOCUMENT,
        SCRIPT,
        "Doubles. */ alert(1) /*",
        "/**\n * Doubles. alert(1) /*\n */\n" + SCRIPT.replace(MARK, ""),
        "javascript",
    ),
    "windows line ends": Case(
        DOCUMENT,
        "‸def f():\r\n    return 1\r\n",
        "Yes.",
        'def f():\r\n    """Yes."""\r\n    return 1\r\n',
    ),
}

EXPLAINED = {
    "the definition, decorators included": Case(
        EXPLAIN,
        PLAIN,
        "It asks the disk.",
        PLAIN.replace(MARK, "").replace("    @prop", "    # It asks the disk.\n    @prop"),
    ),
    "a selection": Case(
        EXPLAIN, "a = 1\n‸b = 2\n‸c = 3\nd = 4\n", "Two.", "a = 1\n# Two.\nb = 2\nc = 3\nd = 4\n"
    ),
    "long lines are wrapped": Case(
        EXPLAIN,
        "‸a = 1\n",
        LONG * 2,
        "# It adds what it is given, again and again, until there is nothing left to be added to\n"
        "# it. It adds what it is given, again and again, until there is nothing left to be added\n"
        "# to it.\na = 1\n",
    ),
    "code in it is left out": Case(EXPLAIN, "‸a = 1\n", "One.\n```\nb = 2\n```", "# One.\na = 1\n"),
    "another language": Case(
        EXPLAIN, SCRIPT, "Two\nlines.", "// Two lines.\n" + SCRIPT.replace(MARK, ""), "javascript"
    ),
    "a language without comments": Case(
        EXPLAIN,
        "‸x\n",
        "Prose.",
        "refused: this language has no comments to explain in",
        "markdown",
    ),
    "a blank line": Case(EXPLAIN, "‸\n", "No.", "refused: there is no code on this line"),
}


def with_types(parameters: str) -> str:
    bare = PLAIN.replace(MARK, "")
    return bare.replace("(self, unit, *, factor=2):", f"({parameters}:")


TYPED = {
    "a signature": Case(
        TYPES,
        PLAIN,
        "```python\ndef height(self, unit: str, *, factor: int = 2) -> int: ...\n```",
        with_types("self, unit: str, *, factor: int = 2) -> int"),
    ),
    "a signature without a body": Case(
        TYPES,
        PLAIN,
        "```\ndef height(self, unit: str, *, factor: int = 2) -> int:\n```",
        with_types("self, unit: str, *, factor: int = 2) -> int"),
    ),
    "the whole function, of which the signature counts": Case(
        TYPES,
        PLAIN,
        "```\n@property\ndef height(self, unit: str, *, factor=2) -> int:\n    return 0\n```",
        with_types("self, unit: str, *, factor=2) -> int"),
    ),
    "with an import": Case(
        TYPES,
        PLAIN,
        "```\nfrom typing import Any\nfrom os import system\n"
        "def height(self, unit: Any, *, factor=2): ...\n```",
        with_types("self, unit: Any, *, factor=2)").replace(
            "import os\n", "import os\nfrom typing import Any\n"
        ),
    ),
    "a name that nobody knows": Case(
        TYPES,
        PLAIN,
        "```\ndef height(self, unit: Meter, *, factor=2): ...\n```",
        "refused: `Meter` isn't known in this file",
    ),
    "another default": Case(
        TYPES,
        PLAIN,
        "```\ndef height(self, unit: str, *, factor: int = 3): ...\n```",
        "refused: it changes more than annotations",
    ),
    "a lost parameter": Case(
        TYPES,
        PLAIN,
        "```\ndef height(self, unit: str): ...\n```",
        "refused: it changes more than annotations",
    ),
    "another name": Case(
        TYPES,
        PLAIN,
        "```\ndef size(self, unit: str, *, factor=2): ...\n```",
        "refused: it changes more than annotations",
    ),
    "no annotation": Case(
        TYPES,
        PLAIN,
        "```\ndef height(self, unit, *, factor=2): ...\n```",
        "refused: it adds no annotation",
    ),
    "a lost comment": Case(
        TYPES,
        "‸def f(\n    a,  # first\n):\n    return a\n",
        "```\ndef f(a: int) -> int: ...\n```",
        "refused: the comment `# first` is gone",
    ),
    "a body on the same line": Case(
        TYPES, "‸def f(a): return a", "def f(a: int) -> int: ...", "def f(a: int) -> int: return a"
    ),
}

BROKEN = "‸def f(a):\n    retrun a\n‸\nx = f(1)\n"
FIXED = {
    "the definition around": Case(
        FIX,
        "import os\n\n\nclass A:\n    def f(self):\n        return os.getcwdd()‸\n",
        "```python\ndef f(self):\n    return os.getcwd()\n```",
        "import os\n\n\nclass A:\n    def f(self):\n        return os.getcwd()\n",
        words="no member getcwdd",
    ),
    "a renamed function": Case(
        FIX,
        "‸def f():\n    return os\n",
        "```\ndef g():\n    return 1\n```",
        "refused: `f` isn't defined any more",
        words="os is undefined",
    ),
    "code that doesn't parse": Case(
        FIX,
        "‸def f():\n    return os\n",
        "```\ndef f(:\n    return 1\n```",
        "refused: it doesn't parse",
        words="os is undefined",
    ),
    "no change": Case(
        FIX,
        "‸def f():\n    return os\n",
        "```\ndef f():\n    return os\n```",
        "refused: it changes nothing",
        words="os is undefined",
    ),
    "a cut answer": Case(
        FIX, "‸x = 1\n", "```\nx = 2\n", "refused: it was cut off", words="wrong", is_cut=True
    ),
}
INSTRUCTED = {
    "the selection and nothing else": Case(
        INSTRUCT,
        "a = 1\nif a:\n‸    b = 2\n‸    c = 3\n",
        "Sure:\n```\nb = c = 4\n```",
        "a = 1\nif a:\n    b = c = 4\n",
        words="merge them",
    ),
    "half a block": Case(
        INSTRUCT,
        "‸a = 1\n‸b = 2\n",
        "```\nif a:\n```",
        "refused: it doesn't parse",
        words="make it conditional",
    ),
    "another language": Case(
        INSTRUCT,
        SCRIPT,
        "```js\nconst twice = (n) => 2 * n;\n```",
        "const twice = (n) => 2 * n;\n",
        "javascript",
        "as an arrow function",
    ),
}

GOOD_TEST = "from shelf import Shelf\n\n\ndef test_height():\n    assert Shelf().height\n"
TESTED = {
    "a file": Case(TESTS, PLAIN, f"```python\n{GOOD_TEST}```\nRun it with pytest.", GOOD_TEST),
    "no test": Case(TESTS, PLAIN, "```\nheight = 1\n```", "refused: it holds no test"),
    "a test of something else": Case(
        TESTS, PLAIN, "```\ndef test_x():\n    pass\n```", "refused: it doesn't name `height`"
    ),
    "a broken file": Case(
        TESTS, PLAIN, "```\ndef test_height(:\n    pass\n```", "refused: it doesn't parse"
    ),
    "no code": Case(TESTS, PLAIN, "No.", "refused: there is no code in it"),
    "a language without habits": Case(
        TESTS,
        "fn‸ f() {}\n",
        "```\nx\n```",
        "refused: tests of this language aren't known here",
        "rust",
    ),
}


@pytest.mark.parametrize("case", DOCUMENTED.values(), ids=DOCUMENTED)
def test_document(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("case", EXPLAINED.values(), ids=EXPLAINED)
def test_explain(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("case", TYPED.values(), ids=TYPED)
def test_add_types(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("case", [*FIXED.values(), *INSTRUCTED.values()], ids=[*FIXED, *INSTRUCTED])
def test_fix_and_instruct(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("case", TESTED.values(), ids=TESTED)
def test_write_tests(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("kind", [DOCUMENT, EXPLAIN, TYPES, FIX, INSTRUCT, TESTS])
def test_every_question_holds_the_code_as_data_and_the_users_words(kind: str) -> None:
    key = "AKIA" + "Q3EGRIMJ5XK2NU7P"
    marked = PLAIN.replace("factor=2", f'factor=2, key="{key}"')
    asked = plan(task_of(kind, marked, words="make it quick"), "", 1)
    assert isinstance(asked, Plan)
    assert "def height" in asked.user
    assert "def height" not in asked.system
    assert key not in asked.user
    assert ("make it quick" in asked.user) is (kind in (FIX, INSTRUCT))
    again = plan(task_of(kind, marked, words="make it quick"), "it was wrong", 2)
    assert isinstance(again, Plan)
    assert again.user.startswith(asked.user), "the node keeps what it has read"
    assert "it was wrong" in again.user
    assert again.max_tokens == 2 * asked.max_tokens


def test_an_unknown_kind_is_refused() -> None:
    task = task_of("refactor.other", PLAIN)
    assert isinstance(plan(task, "", 1), Refused)
    assert isinstance(read(task, "", is_cut=False), Refused)


def test_an_instruction_without_words_is_refused() -> None:
    assert plan(task_of(INSTRUCT, PLAIN), "", 1) == Refused("it wasn't said what to change")


def test_a_docstring_is_one_change_of_one_place() -> None:
    answer = read(task_of(DOCUMENT, PLAIN), "Return the height.", is_cut=False)
    assert isinstance(answer, Change)
    task = task_of(DOCUMENT, PLAIN)
    assert answer.changes == changes_between(task.text, applied(task.text, answer.changes))
    assert len(answer.changes) == 1

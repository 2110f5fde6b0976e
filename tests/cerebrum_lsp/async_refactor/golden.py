"""Golden cases of the async rewrite: one text file each, read by one `check` helper.

A file begins with a sentence and options (`callers`, `convertible`, `module:`, `async:`, `twin:`,
`library:`); then come the sections `before`, with `‸` on the line that is asked about, and either
`after` with optional `notes`, or `declined` with the reason.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from cerebrum_lsp.core.async_refactor import (
    Agrees,
    Callees,
    Declined,
    Edit,
    Facts,
    Request,
    check,
)
from cerebrum_lsp.core.async_refactor.refactor import refactor
from tests.cursor import MARK

CASES = Path(__file__).parents[2] / "golden" / "async"
SECTION = re.compile(r"^=== (\w+)\n", re.MULTILINE)


@dataclass(frozen=True)
class Case:
    """One golden file."""

    text: str
    request: Request
    facts: Facts
    sections: dict[str, str]


def read_case(path: Path) -> Case:
    head, *rest = SECTION.split(path.read_text(encoding="utf-8"))
    sections = {name: body.rstrip("\n") for name, body in zip(rest[::2], rest[1::2], strict=True)}
    before, after = sections["before"].split(MARK)
    options = [line.partition(": ")[::2] for line in head.splitlines()[1:]]
    names = {name for name, _ in options}
    callees = Callees.CONVERTIBLE if "convertible" in names else Callees.KNOWN
    request = Request(before.count("\n") + 1, callees, "callers" in names)
    return Case(before + after + "\n", request, facts_of(options), sections)


def facts_of(options: list[tuple[str, str]]) -> Facts:
    return Facts(
        module=next((value for name, value in options if name == "module"), ""),
        async_functions=frozenset(value for name, value in options if name == "async"),
        async_twins=dict(value.split() for name, value in options if name == "twin"),
        libraries=frozenset(value for name, value in options if name == "library"),
    )


def check_case(path: Path) -> None:
    case = read_case(path)
    answer = refactor(case.text, case.request, case.facts)
    if isinstance(answer, Declined):
        assert answer.reason == case.sections.get("declined")
        return
    assert answer.text == case.sections.get("after", "") + "\n"
    shown = "\n".join(f"{note.line}: {note.message}" for note in answer.notes)
    assert shown == case.sections.get("notes", "")
    assert apply_edits(case.text, answer.edits) == answer.text
    assert check(case.text, answer.text, case.facts) == Agrees()


def apply_edits(text: str, edits: tuple[Edit, ...]) -> str:
    lines = text.splitlines(keepends=True)
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end), reverse=True):
        lines[edit.start : edit.end] = [edit.text]
    return "".join(lines)

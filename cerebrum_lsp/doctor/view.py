"""How the findings are shown: to a person, and to a program."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.text import Text

from cerebrum_lsp.core.checkup import Check, Verdict, verdict_of

MARKS: dict[Verdict, tuple[str, str]] = {
    "ok": ("✓", "green"),
    "warning": ("!", "yellow"),
    "broken": ("✗", "bold red"),
    "skipped": ("-", "dim"),
}
LAST_WORDS: dict[Verdict, str] = {
    "ok": "All is well.",
    "warning": "It works; what is marked with ! could be better.",
    "broken": "Something is broken: begin with the first ✗.",
}


def show(checks: Sequence[Check], console: Console) -> None:
    """Print the checks, one a line, each trouble with its next step below."""
    for check in checks:
        mark, style = MARKS[check.verdict]
        console.print(
            Text.assemble((f"{mark} ", style), (check.name, "bold"), f": {check.finding}")
        )
        if check.next_step is not None:
            console.print(Text.assemble("    → ", check.next_step))
    console.print()
    console.print(LAST_WORDS[verdict_of(checks)])


def as_json(checks: Sequence[Check]) -> str:
    """Return the same for programs."""
    report = {"verdict": verdict_of(checks), "checks": [asdict(check) for check in checks]}
    return json.dumps(report, indent=2)

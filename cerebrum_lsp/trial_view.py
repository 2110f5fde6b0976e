"""What `cerebrum-lsp try` draws: the code, the text that grows in it, the table of times."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.panel import Panel
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from cerebrum_lsp.place import Place

LINES_BEFORE = 8
LINES_AFTER = 4
GHOST = "bold green"

STAGES = (
    ("daemon", "daemon_ms", "capture, request, events to the editor"),
    ("context", "context_ms", "waiting for excerpts of other files"),
    ("orchestrator", "orchestrator_ms", "admission, routing, relaying"),
    ("node queue", "node_queue_ms", "waiting for a slot"),
    ("model load", "node_load_ms", "waiting for the model"),
    ("prefill", "prefill_ms", "reading the prompt"),
    ("decode", "decode_ms", "writing the completion"),
)


class TrialView:
    """The state of the screen; rich draws it whenever it is asked."""

    def __init__(self, where: Place) -> None:
        self._where = where
        self._spinner = Spinner("dots")
        self.text = ""
        self.status = "starting the daemon"
        self.is_finished = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the code with the text in its place, and below it what is going on."""
        where = self._where
        lines = where.lines
        first = max(0, where.line - LINES_BEFORE)
        code = Text("\n".join([*lines[first : where.line], lines[where.line][: where.column]]))
        code.append(self.text, style=GHOST)
        rest = [lines[where.line][where.column :], *lines[where.line + 1 :][:LINES_AFTER]]
        code.append("\n".join(rest), style="dim")
        yield Panel(code, title=f"{where.file.name}:{where.line + 1}", title_align="left")
        if not self.is_finished:
            self._spinner.update(text=f" {self.status}")
            yield self._spinner
        elif not self.text:
            yield Text("nothing to show", style="yellow")


def summary(record: Mapping[str, Any]) -> Table | Text:
    """Return where the time of one request went, or why none was spent."""
    if record["node"] is None:
        return Text(f"{record['outcome']}: {record['explanation']}", style="yellow")
    return _times(record)


def _times(record: Mapping[str, Any]) -> Table:
    stages = record["stages"]
    table = Table(title=_title(record), title_justify="left")
    table.add_column("stage")
    table.add_column("ms", justify="right")
    table.add_column("what it is", style="dim")
    for name, key, what in STAGES:
        table.add_row(name, _milliseconds(stages[key]), what)
    table.add_section()
    table.add_row("first token", _milliseconds(stages["first_token_ms"]), "all stages before it")
    table.add_row("total", _milliseconds(stages["total_ms"]), "from the request to its answer")
    table.add_section()
    rate = record["tokens_per_s"]
    tokens = f"{record['completion_tokens']} tokens after a prompt of {record['prompt_tokens']}"
    if record["context_files"]:
        tokens += f", {record['context_chars']} characters of {record['context_files']} other files"
    table.add_row("tokens/s", "-" if rate is None else f"{rate:.1f}", tokens)
    return table


def _title(record: Mapping[str, Any]) -> str:
    outcome = record["outcome"]
    if record["message"]:
        outcome = f"{outcome} ({record['message']})"
    return f"{outcome} · {record['model'] or 'its model'} on {record['node']}"


def _milliseconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"

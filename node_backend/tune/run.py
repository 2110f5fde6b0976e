"""The command: look, measure, recommend, and write if that was asked for."""

import asyncio
import shutil
import sys
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import psutil
import typer
from rich.console import Console

from node_backend.cards import Cards
from node_backend.config import Settings
from node_backend.core.tuning_files import File, Kind, Setup, commands_for, files_for
from node_backend.core.tuning_machine import Machine
from node_backend.core.tuning_rules import Recommendation, Subject, recommend
from node_backend.core.tuning_trials import Trial, next_trial, rule_trial, tuned_by
from node_backend.errors import FilesInTheWayError, ModelFailedError, NotMeasuredError
from node_backend.fitting import too_large
from node_backend.listing import Row, row
from node_backend.models import Model, catalog
from node_backend.probe import cores
from node_backend.service import engine_settings, free_bytes
from node_backend.tune import view
from node_backend.tune.look import look
from node_backend.tune.measure import Report, measure

BUSY_PERCENT = 15.0  # of the CPU, used by others: above it measured speeds are too low
BUSY_SAMPLE_S = 0.5
DRY_FOLDER = "FOLDER"
MOST_NAMES = 5  # of models that could be chosen
GPU_NOTE = (
    "The built-in engine leaves the GPU alone: name a llama-server that was built for it with "
    "--llama-server, or let Ollama compute (cerebrum-node serve --engine ollama)."
)


@dataclass(frozen=True)
class Wish:
    """What the command line asks for."""

    kinds: tuple[Kind, ...] = ()
    folder: Path | None = None
    """Where files are written; None: they are only shown."""
    is_forced: bool = False
    """Whether files that stand there already are written over."""
    budget_s: float = 60.0
    """For measuring; 0: not at all."""


def tune(settings: Settings, wish: Wish, console: Console) -> None:
    """Carry the wish out. Raises CerebrumError: what was asked for could not be done."""
    machine, models = look(), catalog(settings)
    console.print(view.found(machine))
    model = models.default
    cards = Cards()
    subject = _subject(_row_of(settings, model, cards)) if settings.model else None
    rule, report = recommend(machine, subject), Report()
    if wish.budget_s:
        report = _measured(settings, model, machine, subject, wish.budget_s)
    tuned, best = rule, rule_trial(rule)
    if subject is not None:
        tuned, best = tuned_by(machine, subject, report.measured)
    if wish.budget_s:
        console.print(view.measured(report, model.name, best))
    if subject is None:
        rows = (_row_of(settings, each, cards) for each in models.models if each != model)
        names = islice((each.model.name for each in rows if each.is_runnable), MOST_NAMES)
        measured = model.name if wish.budget_s else None
        console.print(view.nothing_chosen(rule.subject, measured, names))
    console.print(view.recommended(tuned))
    if machine.gpus and settings.llama_server is None:
        console.print(f"\n{GPU_NOTE}", markup=False)
    if failure := report.failed.get(rule_trial(rule)):
        raise NotMeasuredError(f"{model.name} can't be measured: {failure} (--no-measure: by rule)")
    _write(tuned, _setup(settings, model), wish, console)


def _row_of(settings: Settings, model: Model, cards: Cards) -> Row:
    """Return what there is to say of a model, with the memory that is free now."""
    return row(model, cards.of(model.path), settings, free_bytes(settings))


def _subject(found: Row) -> Subject:
    if found.card is None:
        raise ModelFailedError(f"{found.model.name}: {found.problem}")
    return Subject(found.model.name, found.card.shape)


def _measured(
    settings: Settings, model: Model, machine: Machine, subject: Subject | None, budget_s: float
) -> Report:
    """Measure what may be better than the rule; without a `subject` only that the rule works."""
    rule = recommend(machine, subject)
    busy_percent = psutil.cpu_percent(BUSY_SAMPLE_S)
    if busy_percent > BUSY_PERCENT:
        _say(f"others use {busy_percent:.0f} % of the CPU: what is measured now is too slow")

    def next_after(report: Report) -> Trial | None:
        if subject is None and report.measured:
            return None
        return next_trial(machine, rule, report.measured, report.failed, report.repeated)

    return asyncio.run(
        measure(
            engine_settings(settings, model, cores()),
            next_after,
            budget_s,
            lambda trial: _say(f"measuring {trial.text} …"),
            lambda chosen, reading: too_large(chosen, reading, free_bytes=free_bytes(settings)),
        )
    )


def _setup(settings: Settings, model: Model) -> Setup:
    """Return what the files name; the model only if it was chosen."""
    program = shutil.which("cerebrum-node") or str(Path(sys.executable).with_name("cerebrum-node"))
    user: str | None = psutil.Process().username()
    if user == "root" and not program.startswith("/root/"):
        user = None  # a made-up user can run it, and can do less harm
    path = str(model.path.absolute())
    if settings.model is None:
        return Setup(program, user)
    if not path.isprintable():
        raise FilesInTheWayError("the model's path has characters that no file can bear")
    name = path if model.source == "file" else model.name
    return Setup(program, user, name, model.name if model.source == "ollama" else path)


def _write(tuned: Recommendation, setup: Setup, wish: Wish, console: Console) -> None:
    written = [file for kind in wish.kinds for file in files_for(kind, tuned, setup)]
    folder = str(wish.folder) if wish.folder else DRY_FOLDER
    if wish.folder is None:
        console.print(view.files(folder, written), soft_wrap=True)
    else:
        _write_files(wish.folder, written, is_forced=wish.is_forced)
        for file in written:
            console.print(f"written: {wish.folder / file.path}", soft_wrap=True, markup=False)
    for kind in wish.kinds:
        console.print(f"\nTo use and verify it ({kind}):", markup=False)
        for command in commands_for(kind, folder):
            console.print(f"    {command}", soft_wrap=True, markup=False, highlight=False)


def _write_files(folder: Path, files: list[File], *, is_forced: bool) -> None:
    """Write all of the files, or none. Raises FilesInTheWayError."""
    for file in files:
        path = folder / file.path
        if path.exists() and not is_forced and path.read_text() != file.text:
            raise FilesInTheWayError(f"{path} is there and says something else (--force: over it)")
    try:
        for file in files:
            path = folder / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.text)
    except OSError as error:
        raise FilesInTheWayError(f"{error.filename} can't be written: {error.strerror}") from error


def _say(text: str) -> None:
    typer.echo(f"cerebrum-node: {text}", err=True)

"""What tuning found, measured and recommends, for people to read."""

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from node_backend.core.tuning_files import File, memory_text
from node_backend.core.tuning_machine import GIB, Machine
from node_backend.core.tuning_rules import Choice, Recommendation
from node_backend.core.tuning_trials import Trial, time_text
from node_backend.tune.measure import Report


def found(machine: Machine) -> RenderableType:
    """Return the machine, a line for each part of it."""
    cores = f"{machine.cores} cores, {machine.threads} threads"
    usable = "" if machine.usable_threads == machine.threads else f", {machine.usable_threads} ours"
    memory = f"{machine.memory_bytes / GIB:.1f} GiB, {machine.available_bytes / GIB:.1f} available"
    nodes = f"{machine.numa_nodes} nodes: memory of the other one is slower"
    return _lines(
        "Found",
        [
            ("CPU", f"{machine.cpu} ({machine.architecture})"),
            ("cores", f"{cores}{usable}"),
            ("instructions", ", ".join(machine.instructions) or "nothing special"),
            ("NUMA", nodes if machine.numa_nodes > 1 else "1 node"),
            ("memory", memory),
            ("control group", ", ".join(machine.limits) or "no limits"),
            ("GPU", _gpus(machine)),
        ],
    )


def measured(report: Report, model: str, best: Trial) -> RenderableType:
    """Return the speeds; the setting that is taken is marked."""
    table = Table("threads", "step", "KV", "prefill", "decode", "a completion", "", box=None)
    for trial, speed in report.measured.items():
        table.add_row(
            str(trial.threads),
            str(trial.batch_tokens),
            trial.kv_type,
            f"{speed.prefill:.1f} tokens/s",
            f"{speed.decode:.1f} tokens/s",
            time_text(speed.completion_s),
            "<" if trial == best else "",
        )
    notes = [f"{trial.text}: {reason}" for trial, reason in report.failed.items()]
    if not report.is_complete:
        notes.append("the time was over before all was measured: --budget gives more")
    head = Text(f"Measured with {model}", "bold")
    return Group(Text(), head, table, *map(Text, notes))


def nothing_chosen(subject: str, measured: str | None, names: Iterable[str]) -> RenderableType:
    """Return why nothing but rules decides, and which models there are to choose from."""
    known = ", ".join(names)
    small = f"{measured} is too small to tell what is good for a model that you would work with. "
    found = f" Found here: {known}." if known else ""
    return Text(
        f"\nBy rule, for {subject}. {small if measured else ''}Name the model that you will run "
        f"with --model, and what measures best with it is taken.{found}"
    )


def recommended(tuned: Recommendation) -> RenderableType:
    """Return the recommendation with its reasons."""
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value, reason in _choices(tuned):
        table.add_row(f"  {name}", Text(value, "bold"), Text(reason))
    warning = [Text(f"But {tuned.warning}.", "red")] if tuned.warning else []
    return Group(Text(), Text("Recommended", "bold"), table, *warning)


def files(folder: str, written: Iterable[File]) -> RenderableType:
    """Return what would be written."""
    parts = [Text(f"\n# {folder}/{file.path}\n\n{file.text.rstrip()}") for file in written]
    return Group(*parts)


def _choices(tuned: Recommendation) -> list[tuple[str, str, str]]:
    rows: list[tuple[str, Choice[object], str]] = [
        ("threads", tuned.threads, ""),
        ("tokens of a step", tuned.batch_tokens, ""),
        ("parallel requests", tuned.slots, ""),
        ("context", tuned.context_tokens, " tokens"),
        ("KV type", tuned.kv_type, ""),
        ("loaded models", tuned.loaded_models, ""),
        ("CPUQuota", tuned.cpu_quota_percent, "%"),
        ("CPUWeight", tuned.cpu_weight, ""),
    ]
    texts = [(name, f"{choice.value}{unit}", choice.reason) for name, choice, unit in rows]
    flash, memory = tuned.flash_attention, tuned.memory_max_mib
    texts.insert(5, ("flash attention", "on" if flash.value else "off", flash.reason))
    return [*texts, ("MemoryMax", memory_text(memory.value), memory.reason)]


def _lines(title: str, pairs: list[tuple[str, str]]) -> RenderableType:
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in pairs:
        table.add_row(f"  {name}", Text(value))
    return Group(Text(title, "bold"), table)


def _gpus(machine: Machine) -> str:
    sizes = (
        f"{gpu.name}, {gpu.memory_bytes / GIB:.0f} GiB" if gpu.memory_bytes else gpu.name
        for gpu in machine.gpus
    )
    return "; ".join(sizes) or "none"

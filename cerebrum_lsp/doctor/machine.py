"""What this machine is like: its runtime folder, its engine, its grammars."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import psutil

from cerebrum_kit.runtime import UnsafeRuntimeDirError, runtime_dir
from cerebrum_lsp import embedded
from cerebrum_lsp.core.checkup import Engine, Place
from orchestrator.retrieval.syntax import LANGUAGES, get_language

IMPORT_TIMEOUT_S = 60.0  # thirty megabytes from a Pi's cold SD card
THREADS_ENV = "CEREBRUM_NODE_THREADS"
ENGINE_MODULE = "node_backend.engines.llama_cpp_host"
ENGINE_SETTINGS_ENV = "CEREBRUM_ENGINE_SETTINGS"


def place() -> Place:
    """Look at the runtime folder, and for a file in it that names a pool which is no more."""
    try:
        folder = runtime_dir()
    except UnsafeRuntimeDirError as error:
        return Place(str((error.details or {})["path"]), 0o777, is_mine=False)
    found = folder.stat()
    file = folder / embedded.POOL_FILE
    is_stale = file.exists() and embedded.find(folder) is None
    mode, is_mine = stat.S_IMODE(found.st_mode), found.st_uid == os.getuid()
    return Place(str(folder), mode, is_mine, str(file) if is_stale else None)


def engine() -> Engine:
    """Load the engine in a process of its own, and look at those that run."""
    return Engine(_import_error(), _cores(), tuple(_threads()))


def missing_grammars() -> tuple[list[str], int]:
    """Load every grammar; return those that can't be, and how many there are."""
    missing = []
    for language in LANGUAGES:
        try:
            get_language(language)
        except Exception:  # a wheel that is missing, or of another version
            missing.append(language)
    return missing, len(LANGUAGES)


def _import_error() -> str | None:
    command = [sys.executable, "-c", "import xllamacpp"]
    try:
        said = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=IMPORT_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return type(error).__name__
    if said.returncode == 0:
        return None
    return (said.stderr.strip().splitlines() or [f"status {said.returncode}"])[-1]


def _cores() -> int:
    usable = len(os.sched_getaffinity(0))
    return min(usable, psutil.cpu_count(logical=False) or usable)


def _threads() -> Iterator[tuple[str, int]]:
    """Yield who computes here with how many threads: what is set, and what runs already."""
    if (configured := os.environ.get(THREADS_ENV, "")).isdigit():
        yield THREADS_ENV, int(configured)
    for process in psutil.process_iter():
        try:
            arguments, environment = process.cmdline(), process.environ()
        except psutil.Error:
            continue  # somebody else's, or gone
        if ENGINE_MODULE in arguments and ENGINE_SETTINGS_ENV in environment:
            settings = json.loads(environment[ENGINE_SETTINGS_ENV])
            yield f"the engine (process {process.pid})", int(settings["threads"])
        elif arguments and Path(arguments[0]).name == "llama-server":
            yield from _given_threads(process.pid, arguments)


def _given_threads(pid: int, arguments: list[str]) -> Iterator[tuple[str, int]]:
    for option, value in pairwise(arguments):
        if option in {"-t", "--threads"} and value.isdigit():
            yield f"llama-server (process {pid})", int(value)

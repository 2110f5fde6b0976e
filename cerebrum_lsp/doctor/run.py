"""One examination: gather the facts, judge them, show them."""

import asyncio
import os
from pathlib import Path

import platformdirs
from rich.console import Console

from cerebrum_lsp import __version__
from cerebrum_lsp.core import checkup
from cerebrum_lsp.core.checkup import Check
from cerebrum_lsp.doctor import editors, machine, pool, view

EXIT_OK, EXIT_BROKEN = 0, 1


def run(*, as_json: bool) -> int:
    """Examine this installation and print what was found; return the exit status."""
    checks = asyncio.run(examine())
    if as_json:
        print(view.as_json(checks))  # noqa: T201 - for programs, as it is
    else:
        view.show(checks, Console())
    return EXIT_BROKEN if checkup.verdict_of(checks) == "broken" else EXIT_OK


async def examine() -> list[Check]:
    """Return everything that was looked at, in the order in which to mend it."""
    log_file = log_path()
    place, engine = await asyncio.gather(
        asyncio.to_thread(machine.place), asyncio.to_thread(machine.engine)
    )
    checks = [check_log(log_file), *checkup.check_place(place)]
    found, nodes, trial = await pool.look(os.environ)
    checks += checkup.check_engine(engine, needed=found.is_local)
    checks.append(checkup.check_pool(found))
    if found.trouble is None:
        checks += checkup.check_nodes(nodes) + checkup.check_models(nodes)
    checks.append(checkup.check_trial(trial))
    checks.append(checkup.check_grammars(*machine.missing_grammars()))
    last = editors.last_session(log_file)
    known = [*([last] if last else []), *await asyncio.to_thread(lambda: [*editors.installed()])]
    return checks + checkup.check_editors(known)


def log_path() -> Path:
    """Return where the daemon logs to."""
    return Path(platformdirs.user_log_dir("cerebrum")) / "cerebrum-lsp.log"


def check_log(log_file: Path) -> Check:
    """Judge whether the daemon can log; say where it does."""
    folder = log_file.parent
    existing = next(each for each in [log_file, folder, *folder.parents] if each.exists())
    if os.access(existing, os.W_OK):
        return Check("daemon", "ok", f"cerebrum-lsp {__version__}; its log is {log_file}.")
    finding = f"It can't write its log {log_file}."
    step = f"Make {existing} yours: `chown -R $USER {existing}`."
    return Check("daemon", "broken", finding, step)

"""Log lines: a dotted event name, then fields. Prompts and source text are never fields."""

import logging
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path

from cerebrum_kit.errors import CerebrumError

FORMAT = "%(asctime)s %(levelname)-7s %(message)s"
MAX_LOG_BYTES = 2_000_000  # with one backup: bounds what a Pi's SD card must bear
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
NOISY = ("httpx", "httpcore", "pygls", "uvicorn.access")


def event(name: str, /, **fields: object) -> str:
    """Render `name field=value …`; values with spaces are quoted, None is left out."""
    parts = [name]
    for key, value in fields.items():
        if value is None:
            continue
        text = f"{value:.1f}" if isinstance(value, float) else str(value)
        parts.append(f'{key}="{text}"' if " " in text else f"{key}={text}")
    return " ".join(parts).replace("\n", "\\n")


class LogLevelError(CerebrumError):
    """There is no such level of logging."""

    code = "log-level"


def configure(level: str = "INFO", file: Path | None = None) -> None:
    """Send logs to stderr, and to a rotating `file` when one is given; never to stdout.

    Raises LogLevelError.
    """
    if level.upper() not in LEVELS:
        raise LogLevelError(f"there is no log level {level}; there are {', '.join(LEVELS)}")
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handlers.append(
            RotatingFileHandler(
                file, maxBytes=MAX_LOG_BYTES, backupCount=1, encoding="utf-8", delay=True
            )
        )
    logging.basicConfig(level=level.upper(), format=FORMAT, handlers=handlers, force=True)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    # Its one warning is of a client that left while something was being sent to it.
    logging.getLogger("asyncio").setLevel(logging.ERROR)

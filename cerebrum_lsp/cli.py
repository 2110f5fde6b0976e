"""The command line. The server's start is kept clear of what only the other commands need."""

import logging
import os
import sys
from pathlib import Path
from typing import NoReturn

SERVE_FLAGS = {"--stdio"}
LOG_LEVEL_ENV = "CEREBRUM_LOG_LEVEL"
DEFAULT_LEVEL = "INFO"


def main() -> None:
    """Run the command that the arguments name; without one, serve an editor on stdio."""
    if set(sys.argv[1:]) <= SERVE_FLAGS and (len(sys.argv) > 1 or not sys.stdin.isatty()):
        serve_stdio()
    else:
        from cerebrum_lsp.terminal import app

        app()


def serve_stdio() -> None:
    """Serve one editor on standard input and output until it ends."""
    import platformdirs

    from cerebrum_lsp import transport
    from cerebrum_lsp.server import create_server

    _begin_log(Path(platformdirs.user_log_dir("cerebrum")) / "cerebrum-lsp.log")
    _end(transport.serve_stdio(create_server()))


def serve_tcp(host: str, port: int) -> None:
    """Serve one editor that connects to `host:port`."""
    from cerebrum_lsp import transport
    from cerebrum_lsp.server import create_server

    _begin_log()
    _end(transport.serve_tcp(create_server(), host, port))


def _begin_log(file: Path | None = None) -> None:
    """Log as the environment says; a level that there isn't keeps nobody from completing."""
    from cerebrum_kit import logs

    try:
        logs.configure(os.environ.get(LOG_LEVEL_ENV) or DEFAULT_LEVEL, file)
    except logs.LogLevelError as error:
        logs.configure(DEFAULT_LEVEL, file)
        logging.getLogger(__name__).warning("%s: %s", LOG_LEVEL_ENV, error.message)
    logging.getLogger("pygls").setLevel(logging.CRITICAL)  # it quotes messages, source text too


def _end(status: int) -> NoReturn:
    """End at once: threads that still look for a pool are not waited for."""
    logging.shutdown()
    os._exit(status)

"""The command line. The server's start is kept clear of what only the other commands need."""

import logging
import os
import sys
from pathlib import Path
from typing import NoReturn

SERVE_FLAGS = {"--stdio"}
LOG_LEVEL_ENV = "CEREBRUM_LOG_LEVEL"


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

    from cerebrum_kit import logs
    from cerebrum_lsp import transport
    from cerebrum_lsp.server import create_server

    log_file = Path(platformdirs.user_log_dir("cerebrum")) / "cerebrum-lsp.log"
    logs.configure(os.environ.get(LOG_LEVEL_ENV, "INFO"), log_file)
    logging.getLogger("pygls").setLevel(logging.CRITICAL)  # it quotes messages, source text too
    _end(transport.serve_stdio(create_server()))


def serve_tcp(host: str, port: int) -> None:
    """Serve one editor that connects to `host:port`."""
    from cerebrum_kit import logs
    from cerebrum_lsp import transport
    from cerebrum_lsp.server import create_server

    logs.configure(os.environ.get(LOG_LEVEL_ENV, "INFO"))
    logging.getLogger("pygls").setLevel(logging.CRITICAL)
    _end(transport.serve_tcp(create_server(), host, port))


def _end(status: int) -> NoReturn:
    """End at once: threads that still look for a pool are not waited for."""
    logging.shutdown()
    os._exit(status)

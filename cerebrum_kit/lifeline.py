"""How a child process ends with its parent, even when the parent was killed.

The parent holds the write end of the child's standard input and never writes to it. When the
parent ends, however it ends, the kernel closes the pipe and the child reads an end of file.
"""

import os
import sys
import threading
from collections.abc import Callable

LIFELINE_ENV = "CEREBRUM_LIFELINE"


def is_on_lifeline() -> bool:
    """Whether a parent of ours started this process with a lifeline."""
    return os.environ.get(LIFELINE_ENV) == "1"


def watch(on_end: Callable[[], object]) -> None:
    """Call `on_end` from a daemon thread when the parent has gone."""

    def wait() -> None:
        try:
            while os.read(sys.stdin.fileno(), 1024):
                pass
        except OSError:
            pass  # a closed descriptor says the same as an end of file
        on_end()

    threading.Thread(target=wait, name="lifeline", daemon=True).start()

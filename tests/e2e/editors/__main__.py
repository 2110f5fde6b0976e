"""Gets the programs that the tests in real editors need: python -m tests.e2e.editors.

What can't be had is said in one line, and its tests are skipped with the same line. What is there
already costs nothing. With `--in-background` the command returns at once, and the tests in VS Code
wait until its programs are there; those in the others unpack what is missing themselves.
"""

import argparse
import os
import sys
import time

from tests.e2e.editors.debian import DebianEditor
from tests.e2e.emacs.batch import EMACS
from tests.e2e.neovim.programs import NEOVIMS
from tests.e2e.vim.programs import VIM
from tests.e2e.vscode import programs as vscode
from tools.debian_program import UnavailableError

WORTH_SAYING_S = 1.0


def main() -> int:
    """Get all programs; one that fails does not keep the others from being got."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.editors", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--in-background", action="store_true", help="return at once")
    parser.add_argument("--only-vscode", action="store_true", help="leave the others")
    given = parser.parse_args()
    with vscode.preparing():
        if given.in_background and os.fork() > 0:
            os._exit(0)  # the lock is the child's now, until that ends
        try:
            vscode.install(say)
            for editor in () if given.only_vscode else (*NEOVIMS.values(), EMACS, VIM):
                get(editor)
        except KeyboardInterrupt:
            return 130
    return 0


def get(editor: DebianEditor) -> None:
    """Unpack an editor."""
    begun_at = time.monotonic()
    try:
        editor.get()
    except UnavailableError as error:
        say(f"{error}; its tests will be skipped")
        return
    if (took_s := time.monotonic() - begun_at) > WORTH_SAYING_S:
        say(f"{editor.title} is unpacked ({took_s:.0f} s)")


def say(text: str) -> None:
    """Tell whoever waits; in one piece, since tests may be talking as well."""
    sys.stdout.write(f"editors: {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

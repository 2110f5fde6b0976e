"""Neovims to test with: from Debian's suites, unpacked beside the build."""

import os
from pathlib import Path

import pytest

from tests.e2e.neovim.screen import Program
from tools.debian_program import UnavailableError, unpack

PROGRAMS = Path(__file__).parents[3] / "build" / "programs"
#: Suite → the version that it had when this was written: 0.10 draws by the plugin, 0.12 by itself.
SUITES = {"trixie": "0.10", "sid": "0.12"}


def program(suite: str) -> Program:
    """Return the Neovim of a suite; skip the test, saying how to get one, where there is none."""
    if given := os.environ.get(f"CEREBRUM_TEST_NVIM_{suite.upper()}"):
        return Program(Path(given), None, suite)
    target = PROGRAMS / f"neovim-{suite}"
    try:
        launcher = unpack("neovim", suite, "usr/bin/nvim", target)
    except UnavailableError as error:
        pytest.skip(
            f"no Neovim {SUITES[suite]}: {error}; install one and name it in "
            f"CEREBRUM_TEST_NVIM_{suite.upper()}"
        )
    return Program(launcher, target / "root/usr/share/nvim/runtime", suite)

"""Editors from Debian's suites, unpacked beside the build; or those that the environment names."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import pytest

from tools.debian_program import UnavailableError, unpack

PROGRAMS = Path(__file__).parents[3] / "build" / "programs"


@dataclass(frozen=True)
class Found:
    """An editor that can be started."""

    launcher: Path
    root: Path | None
    """Where its files lie below; None for one that is installed and finds them by itself."""


@dataclass(frozen=True)
class DebianEditor:
    """An editor as Debian has it."""

    title: str
    package: str
    suite: str
    program: str
    variable: str
    """What names one of the user's own in the environment."""
    without: tuple[str, ...] = ()
    """What the package depends on and the editor can do without here."""

    def get(self) -> Found:
        """Return the editor, unpacked if it isn't yet.

        Raises UnavailableError, which says how to get one.
        """
        if given := os.environ.get(self.variable):
            return Found(Path(given), None)
        target = PROGRAMS / f"{self.package}-{self.suite}"
        try:
            launcher = unpack(self.package, self.suite, self.program, target, self.without)
        except UnavailableError as error:
            raise UnavailableError(
                f"no {self.title}: {error}; install one and name it in {self.variable}"
            ) from None
        return Found(launcher, target / "root")

    def get_or_skip(self) -> Found:
        """Return the editor; skip the test, saying how to get it, where there is none."""
        try:
            return self.get()
        except UnavailableError as error:
            pytest.skip(str(error))


def own_suite() -> str:
    """Return the suite of Debian that runs here."""
    try:
        return platform.freedesktop_os_release().get("VERSION_CODENAME", "sid")
    except OSError:
        return "sid"

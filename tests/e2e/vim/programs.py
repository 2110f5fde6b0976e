"""Vim and ALE, its language client, as the machine's own Debian has them."""

from pathlib import Path

from tests.e2e.editors.debian import DebianEditor, Found, own_suite

VIM = DebianEditor(
    title="Vim with ALE",
    package="vim-ale",  # which needs Vim itself
    suite=own_suite(),
    program="usr/bin/vim.basic",
    variable="CEREBRUM_TEST_VIM",
)


def places(found: Found) -> dict[str, str]:
    """Return where a Vim that is only unpacked finds its files."""
    if found.root is None:
        return {}
    shared = found.root / "usr/share/vim"
    (runtime,) = shared.glob("vim[0-9]*")
    return {"VIM": str(shared), "VIMRUNTIME": str(runtime)}


def arguments(found: Found, setup: Path) -> list[str | Path]:
    """Return how to start it with `setup`, and with nothing else of the user's own."""
    argv: list[str | Path] = [found.launcher, "-N", "-n", "-u", setup, "-i", "NONE"]
    if found.root is not None:
        argv += ["--cmd", f"set packpath^={found.root / 'usr/share/vim/vimfiles'}"]
    return argv

"""Neovims to test with: the plugin draws in the old one, and the new one draws by itself."""

from tests.e2e.editors.debian import DebianEditor

#: By the version that a suite had when this was written.
NEOVIMS = {
    version: DebianEditor(
        title=f"Neovim {version}",
        package="neovim",
        suite=suite,
        program="usr/bin/nvim",
        variable=f"CEREBRUM_TEST_NVIM_{suite.upper()}",
    )
    for version, suite in {"0.10": "trixie", "0.12": "sid"}.items()
}

"""The rewrite of whole small files, one golden case each; see `golden.py` for the format."""

from pathlib import Path

import pytest

from tests.cerebrum_lsp.async_refactor.golden import CASES, check_case


@pytest.mark.parametrize("path", sorted(CASES.glob("*.txt")), ids=lambda path: path.stem)
def test_golden_case(path: Path) -> None:
    check_case(path)

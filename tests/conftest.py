"""What tests of several packages share."""

from pathlib import Path

import pytest

from tests.reciting_model import QUICK, SLOW, write_reciting_model


@pytest.fixture(scope="session")
def slow_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that goes on and on, some milliseconds a token.

    No two of its letters are joined by a token: an answer that is cut anywhere and continued is
    read back as the tokens that it was made of.
    """
    path = tmp_path_factory.mktemp("models") / "slow.gguf"
    return write_reciting_model(path, text="vxqzk", size=SLOW)


@pytest.fixture(scope="session")
def quick_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that always has something to say, at once."""
    path = tmp_path_factory.mktemp("models") / "quick.gguf"
    return write_reciting_model(path, text="value", size=QUICK)

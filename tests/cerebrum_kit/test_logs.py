"""Log levels by name."""

import logging
from collections.abc import Iterator

import pytest

from cerebrum_kit import logs


@pytest.fixture(autouse=True)
def _put_back() -> Iterator[None]:
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield
    root.setLevel(level)
    root.handlers[:] = handlers


@pytest.mark.parametrize("level", ["DEBUG", "info", "Warning", "ERROR"])
def test_levels_are_known_however_they_are_written(level: str) -> None:
    logs.configure(level)
    assert logging.getLogger().level == logging.getLevelNamesMapping()[level.upper()]


@pytest.mark.parametrize("level", ["LOUD", "", "10", "NOTSET"])
def test_other_levels_are_refused_with_those_that_there_are(level: str) -> None:
    with pytest.raises(logs.LogLevelError, match="DEBUG, INFO, WARNING, ERROR"):
        logs.configure(level)

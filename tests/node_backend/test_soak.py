"""Bad weather for a node, the short version of `python -m benchmarks.node_soak`."""

import pytest

from benchmarks.node_soak import soak

REQUESTS, KILLS = 120, 3


@pytest.mark.e2e
@pytest.mark.timeout(240)
async def test_in_bad_weather_every_request_ends_once_and_nothing_is_left_behind() -> None:
    """Memory is measured by the long version only: so short a run has not filled the caches."""
    figures = await soak(REQUESTS, KILLS, seed=3)
    assert [figure for figure in figures if not figure.holds and "memory" not in figure.name] == []
    assert any("engine-failed" in figure.beside for figure in figures)

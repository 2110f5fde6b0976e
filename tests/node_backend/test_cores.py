"""Threads: all usable cores but one, by whichever limit is the smallest."""

import pytest

from node_backend.core.cores import engine_threads, usable_cores


@pytest.mark.parametrize(
    ("affinity", "cpu_max", "cores", "threads"),
    [
        (8, "", 8, 7),
        (24, "", 24, 20),  # the Xeon of the seeds
        (8, "max 100000\n", 8, 7),
        (8, "400000 100000\n", 4, 3),
        (8, "150000 100000", 1, 1),  # one and a half: a second thread would be throttled
        (2, "400000 100000", 2, 1),
        (1, "", 1, 1),
        (4, "50000 100000", 1, 1),
        (4, "nonsense", 4, 3),
        (4, "100000 0", 4, 3),
    ],
)
def test_threads(affinity: int, cpu_max: str, cores: int, threads: int) -> None:
    assert usable_cores(affinity, cpu_max) == cores
    assert engine_threads(cores) == threads

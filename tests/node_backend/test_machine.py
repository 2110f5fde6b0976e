"""How the machine is doing: figures in, verdict out."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_backend.core.machine import (
    MIB,
    GroupReading,
    Reading,
    Sample,
    Thresholds,
    available_bytes,
    busy_ticks,
    group_path,
    group_reading,
    objection,
    sample_of,
)

THRESHOLDS = Thresholds(max_others_cpu_percent=70.0, min_memory_available_mib=1024)
START = Reading(
    at_s=100.0, cores=4, busy_s=50.0, giving_way_s=5.0, own_s=20.0, memory_available_bytes=8 << 30
)


@pytest.mark.parametrize(
    ("others_percent", "available_mib", "verdict"),
    [
        (0.0, 8000.0, None),
        (70.0, 8000.0, None),
        (70.1, 8000.0, "cpu-busy"),
        (100.0, 8000.0, "cpu-busy"),
        (0.0, 1024.0, None),
        (0.0, 1023.9, "memory-low"),
        (100.0, 0.0, "memory-low"),  # the worse of two evils is the one that is named
    ],
)
def test_where_the_node_gives_way(
    others_percent: float, available_mib: float, verdict: str | None
) -> None:
    sample = Sample(100.0, available_mib, others_percent)
    assert objection(sample, THRESHOLDS) == verdict


def test_switched_off_the_processor_never_matters() -> None:
    off = replace(THRESHOLDS, max_others_cpu_percent=100.0)
    assert objection(Sample(100.0, 8000.0, 100.0), off) is None


@pytest.mark.parametrize(
    ("free_mib", "loads", "verdict"),
    [
        (None, True, None),  # no card: nothing to watch
        (100.0, True, None),
        (99.9, True, "vram-low"),
        (0.0, False, None),  # what is loaded has what it needs
    ],
)
def test_the_graphics_cards_memory_matters_where_there_is_some_and_a_model_is_to_be_loaded(
    free_mib: float | None, verdict: str | None, *, loads: bool
) -> None:
    sample = Sample(0.0, 8000.0, vram_free_mib=free_mib)
    assert objection(sample, replace(THRESHOLDS, min_vram_mib=100), loads=loads) == verdict


def test_the_memory_of_graphics_cards_is_passed_on() -> None:
    reading = replace(START, vram_free_bytes=5 * MIB)
    assert sample_of([START, reading]).vram_free_mib == 5.0
    assert sample_of([reading, START]).vram_free_mib is None


def after(
    seconds: float = 2.0,
    *,
    others: float = 0.0,
    own: float = 0.0,
    nice: float = 0.0,
    groups: tuple[GroupReading, ...] = (),
) -> Reading:
    """Return the reading after a time in which so many cores were busy, for whom."""
    return replace(
        START,
        at_s=START.at_s + seconds,
        busy_s=START.busy_s + seconds * (others + own + nice),
        giving_way_s=START.giving_way_s + seconds * nice,
        own_s=START.own_s + seconds * own,
        groups=groups,
    )


def others_percent(reading: Reading, before: Reading = START) -> float:
    return round(sample_of([before, reading]).others_cpu_percent, 3)


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        pytest.param(after(), 0, id="nobody does anything"),
        pytest.param(after(own=4.0), 0, id="our own inference doesn't count"),
        pytest.param(after(others=1.0, own=3.0), 25, id="one other core of four"),
        pytest.param(after(others=4.0), 100, id="all cores are others'"),
        pytest.param(after(others=2.8), 70, id="the boundary"),
        pytest.param(after(nice=4.0), 0, id="what is nice gives way"),
        pytest.param(after(0.0), 0, id="no time has passed"),
    ],
)
def test_what_others_take(reading: Reading, expected: float) -> None:
    assert others_percent(reading) == expected


def test_ticks_that_disagree_are_never_less_than_nobody_or_more_than_all() -> None:
    """The clocks of processes and of cores are not read in the same instant."""
    assert others_percent(replace(after(own=1.0), busy_s=START.busy_s)) == 0
    assert others_percent(replace(after(own=1.0), own_s=START.own_s - 1.0, busy_s=999.0)) == 100


def with_groups(*groups: GroupReading) -> Reading:
    return replace(START, groups=groups)


@pytest.mark.parametrize(
    ("others_outside", "in_group", "own", "expected"),
    [
        pytest.param(0.0, 0.0, 2.0, 0, id="our two cores are ours"),
        pytest.param(2.0, 0.0, 0.0, 0, id="the other two are not our business"),
        pytest.param(3.0, 0.0, 0.0, 50, id="one of ours is taken from outside"),
        pytest.param(0.0, 1.0, 0.5, 50, id="one of ours is taken by who shares the limit"),
        pytest.param(0.0, 2.0, 0.0, 100, id="all of ours are"),
    ],
)
def test_a_group_of_two_cores_on_a_machine_of_four(
    others_outside: float, in_group: float, own: float, expected: float
) -> None:
    before = with_groups(GroupReading(cpu_limit_cores=2.0, cpu_used_s=7.0))
    used_s = 7.0 + 2.0 * (in_group + own)
    group = GroupReading(cpu_limit_cores=2.0, cpu_used_s=used_s)
    reading = after(others=others_outside + in_group, own=own, groups=(group,))
    assert others_percent(reading, before) == expected


def test_the_tightest_of_nested_groups_counts() -> None:
    wide, tight = GroupReading(cpu_limit_cores=3.0), GroupReading(cpu_limit_cores=1.0)
    free = GroupReading()
    before = with_groups(tight, wide, free)
    busy = tuple(replace(group, cpu_used_s=2.0) for group in before.groups)
    assert others_percent(after(others=1.0, groups=busy), before) == 100


def test_while_somebody_else_computes_for_us_nothing_is_held_against_others() -> None:
    elsewhere = replace(after(1.0, others=4.0), is_computing_elsewhere=True)
    assert sample_of([START, elsewhere, after(others=4.0)]).others_cpu_percent == 0.0
    assert sample_of([START, after(1.0, others=4.0), after(others=4.0)]).others_cpu_percent == 100.0


@given(st.floats(0, 64), st.floats(0, 64), st.floats(0, 64), st.none() | st.floats(0.1, 64))
def test_whatever_is_read_a_share_is_a_share(
    others: float, own: float, nice: float, limit: float | None
) -> None:
    group = GroupReading(cpu_limit_cores=limit)
    reading = after(others=others, own=own, nice=nice, groups=(group,))
    sample = sample_of([with_groups(group), reading])
    assert 0 <= sample.others_cpu_percent <= 100
    assert 0 <= sample.cpu_percent <= 100


GROUP = GroupReading(
    memory_limit_bytes=4096 * MIB, memory_used_bytes=3000 * MIB, memory_reclaimable_bytes=500 * MIB
)


@pytest.mark.parametrize(
    ("groups", "expected_mib"),
    [
        pytest.param((), 8192, id="the machine"),
        pytest.param((GROUP,), 1596, id="the group's limit less its working set"),
        pytest.param((GroupReading(),), 8192, id="a group without limits"),
        pytest.param((replace(GROUP, memory_limit_bytes=1 << 40),), 8192, id="a limit too far"),
        pytest.param((replace(GROUP, memory_limit_bytes=MIB),), 0, id="over the limit already"),
        pytest.param(
            (GROUP, replace(GROUP, memory_limit_bytes=3500 * MIB)), 1000, id="the tightest of two"
        ),
    ],
)
def test_available_memory(groups: tuple[GroupReading, ...], expected_mib: int) -> None:
    assert available_bytes(with_groups(*groups)) == expected_mib * MIB


FILES = {
    "cpu.max": "150000 100000\n",
    "cpu.stat": "usage_usec 2500000\nuser_usec 2000000\n",
    "memory.max": "8589934592\n",
    "memory.high": "4294967296\n",
    "memory.current": "1048576\n",
    "memory.stat": "anon 5\ninactive_file 4096\nactive_file 100\nslab_reclaimable 1024\n",
}


def test_the_files_of_a_group() -> None:
    assert group_reading(FILES) == GroupReading(1.5, 2.5, 4 << 30, MIB, 5120)


def test_files_that_are_not_there_or_say_max_are_no_limit() -> None:
    assert group_reading({}) == GroupReading()
    unlimited = {"cpu.max": "max 100000", "memory.max": "max", "memory.high": "max"}
    assert group_reading(unlimited) == GroupReading()
    assert group_reading({**FILES, "memory.high": "max"}).memory_limit_bytes == 8 << 30


@given(st.dictionaries(st.sampled_from(sorted(FILES)), st.text()))
def test_files_with_anything_in_them_are_read_without_an_error(files: dict[str, str]) -> None:
    assert group_reading(files).memory_used_bytes >= 0


@pytest.mark.parametrize(
    ("own_cgroup", "path"),
    [
        ("0::/\n", ""),
        ("0::/system.slice/cerebrum-node.service\n", "system.slice/cerebrum-node.service"),
        ("4:memory:/a\n0::/b/c\n", "b/c"),
        ("4:memory:/a\n", ""),
        ("", ""),
    ],
)
def test_the_group_of_a_process(own_cgroup: str, path: str) -> None:
    assert group_path(own_cgroup) == path


STAT = """\
cpu  9 9 9 9 9 9 9 9 0 0
cpu0 100 10 20 500 7 1 2 90 0 0
cpu1 200 0 0 500 0 0 0 0 0 0
cpu12 400 0 0 500 0 0 0 0 0 0
intr 12345
"""


@pytest.mark.parametrize(
    ("cpus", "ticks"), [({0}, (133, 10)), ({0, 1}, (333, 10)), ({12}, (400, 0)), ({2}, (0, 0))]
)
def test_only_the_cores_that_we_may_use_count(cpus: set[int], ticks: tuple[int, int]) -> None:
    assert busy_ticks(STAT, frozenset(cpus)) == ticks

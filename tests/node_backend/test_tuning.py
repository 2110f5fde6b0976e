"""What is found of a machine, what the rules make of it, and what measuring changes."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_backend.core.ledger import MIB, Plan, needs_of
from node_backend.core.tuning_machine import (
    GIB,
    Gpu,
    Machine,
    count_of_list,
    read_cpuinfo,
    read_meminfo,
)
from node_backend.core.tuning_rules import (
    USUAL_SUBJECTS,
    Choice,
    Recommendation,
    Subject,
    memory_max_mib,
    recommend,
)
from node_backend.core.tuning_trials import (
    STEP_COST,
    Measured,
    Speed,
    Trial,
    next_trial,
    rule_trial,
    tuned_by,
)
from node_backend.tune.look import look, read_nvidia
from node_backend.tune.measure import Report
from tests.node_backend import machines

XEON = Machine(
    cpu="Intel(R) Xeon(R) CPU E5-2670 v3 @ 2.30GHz",
    architecture="x86_64",
    threads=24,
    cores=12,
    usable_threads=24,
    numa_nodes=1,
    memory_bytes=32_795_664 * 1024,
    available_bytes=30_000_000 * 1024,
    instructions=("AVX", "AVX2", "FMA", "F16C"),
)


def values(tuned: Recommendation) -> dict[str, object]:
    return {name: each.value for name, each in vars(tuned).items() if isinstance(each, Choice)}


def test_the_xeon_is_seen_as_what_it_is(tmp_path: Path) -> None:
    assert replace(look(machines.xeon(tmp_path)), architecture="x86_64") == XEON


@pytest.mark.parametrize("memory_kb", [32_795_664, 33_554_432])  # as Linux counts it, and in full
def test_the_rules_give_the_xeons_own_figures(tmp_path: Path, memory_kb: int) -> None:
    """The figures of the seed's report: they were found by hand on that machine."""
    assert values(recommend(look(machines.xeon(tmp_path, memory_kb=memory_kb)))) == {
        "threads": 20,
        "cpu_quota_percent": 2000,
        "cpu_weight": 100,
        "memory_max_mib": 20 * 1024,
        "context_tokens": 8192,
        "slots": 4,
        "loaded_models": 3,
        "kv_type": "q8_0",
        "flash_attention": True,
        "batch_tokens": 64,
    }


def test_a_pi_gets_its_share(tmp_path: Path) -> None:
    machine = look(machines.pi(tmp_path))
    assert (machine.cpu, machine.cores, machine.threads, machine.numa_nodes) == (
        "Raspberry Pi Compute Module 4 Rev 1.0",
        4,
        4,
        1,
    )
    assert machine.instructions == ("NEON", "dot product")
    tuned = recommend(machine)
    assert (tuned.threads.value, tuned.slots.value, tuned.loaded_models.value) == (3, 2, 1)
    assert 2048 <= tuned.memory_max_mib.value <= 2560
    assert tuned.warning is None


def test_a_control_groups_limits_are_the_machines(tmp_path: Path) -> None:
    machine = look(machines.limited(tmp_path))
    assert (machine.usable_threads, machine.memory_bytes) == (8, 6 * GIB)
    assert machine.available_bytes == 6 * GIB
    assert machine.limits == ("8.0 cores", "6.0 GiB of memory")
    tuned = recommend(machine)
    assert tuned.threads.value == 7
    assert tuned.memory_max_mib.value == 3840


def test_where_nothing_can_be_read_there_is_still_a_machine(tmp_path: Path) -> None:
    machine = look(tmp_path)
    assert (machine.threads, machine.cores, machine.usable_threads) == (1, 1, 1)
    assert recommend(machine).threads.value == 1


def test_this_machine_is_seen() -> None:
    machine = look()
    assert 1 <= machine.usable_threads <= machine.threads
    assert machine.cores <= machine.threads
    assert 0 < machine.available_bytes <= machine.memory_bytes


@pytest.mark.parametrize(
    ("text", "count"),
    [("0-3,8", 5), ("0", 1), ("0-1\n", 2), ("", None), ("a", None), ("0-", None), ("1,,2", None)],
)
def test_lists_of_numbers_are_counted(text: str, count: int | None) -> None:
    assert count_of_list(text) == count


@given(st.text())
def test_any_text_is_read_as_what_it_says(text: str) -> None:
    assert read_cpuinfo(text).cores != 0
    assert all(size >= 0 for size in read_meminfo(text).values())
    assert (count_of_list(text) or 0) >= 0 or "-" in text
    read_nvidia(text)


def test_graphics_cards_are_listed_with_their_memory(tmp_path: Path) -> None:
    assert read_nvidia("NVIDIA H200, 143771\nodd, [N/A]\n\n") == [
        Gpu("NVIDIA H200", 143_771 * MIB),
        Gpu("odd", None),
    ]
    machines.write(
        machines.pi(tmp_path), sys__class__drm__card0__device__mem_info_vram_total="4096"
    )
    assert look(tmp_path).gpus == (Gpu("AMD", 4096),)


MACHINES = st.builds(
    Machine,
    cpu=st.just("any"),
    architecture=st.just("any"),
    threads=st.just(256),
    cores=st.integers(1, 256),
    usable_threads=st.integers(1, 256),
    numa_nodes=st.integers(1, 8),
    memory_bytes=st.integers(1 << 28, 1 << 43),
    available_bytes=st.just(1 << 28),
)


@given(MACHINES, st.none() | st.sampled_from(USUAL_SUBJECTS))
def test_every_machine_gets_what_it_can_bear(machine: Machine, chosen: Subject | None) -> None:
    tuned = recommend(machine, chosen)
    assert 1 <= tuned.threads.value <= max(1, machine.usable_threads - 1)
    assert 1 <= tuned.slots.value <= 4
    assert tuned.memory_max_mib.value == memory_max_mib(machine)
    assert tuned.memory_max_mib.value * MIB <= max(256 * MIB, machine.memory_bytes)
    if chosen and tuned.warning is None:
        plan = Plan(tuned.context_tokens.value, tuned.slots.value, 64, 256 * MIB, "q8_0")
        needs = needs_of(chosen.shape, plan).total
        assert needs * tuned.loaded_models.value <= tuned.memory_max_mib.value * MIB


def test_a_model_that_fits_in_no_way_comes_with_a_warning() -> None:
    small = replace(XEON, memory_bytes=4 * GIB)
    assert "needs" in (recommend(small, USUAL_SUBJECTS[0]).warning or "")


def test_a_models_own_context_is_the_longest() -> None:
    shape = replace(USUAL_SUBJECTS[3].shape, trained_context_tokens=2048)
    assert recommend(XEON, Subject("short", shape)).context_tokens.value == 2048


World = Callable[[Trial], Speed]


def steady(threads: Mapping[int, float], *, step_gain: float = 1.0, f16_gain: float = 1.0) -> World:
    """A machine whose speed is known: by threads, more with longer steps, more with f16."""

    def speed(trial: Trial) -> Speed:
        rate = threads[trial.threads] * (f16_gain if trial.kv_type == "f16" else 1.0)
        return Speed(rate * 20 * step_gain ** (trial.batch_tokens / 64), rate)

    return speed


def quick(threads: Mapping[int, float], **gains: float) -> World:
    """The same with a model so small that all steps are short."""
    return steady({count: rate * 100 for count, rate in threads.items()}, **gains)


XEON_THREADS = {6: 8.0, 12: 9.5, 20: 9.3, 23: 4.0}
CHOSEN = USUAL_SUBJECTS[0]


def measured_all(
    world: World, machine: Machine = XEON, chosen: Subject = CHOSEN
) -> dict[Trial, Speed]:
    """Measure until nothing is left; twice only the rule's setting and those that beat it."""
    measured: dict[Trial, Speed] = {}
    repeated: set[Trial] = set()
    rule = recommend(machine, chosen)
    while trial := next_trial(machine, rule, measured, (), repeated):
        if trial in measured:
            assert trial not in repeated
            repeated.add(trial)
        measured[trial] = world(trial)
    assert not repeated or rule_trial(rule) in repeated
    return measured


def test_the_rule_is_measured_first_and_then_one_thing_at_a_time() -> None:
    assert list(measured_all(quick(XEON_THREADS))) == [
        Trial(20, 64, "q8_0"),
        Trial(6, 64, "q8_0"),
        Trial(12, 64, "q8_0"),
        Trial(23, 64, "q8_0"),
        Trial(20, 128, "q8_0"),
        Trial(20, 256, "q8_0"),
        Trial(20, 64, "f16"),
    ]


def check_tuned(measured: Measured, chosen: Subject = CHOSEN, **expected: object) -> None:
    tuned, best = tuned_by(XEON, chosen, measured)
    found = values(tuned)
    assert {name: found[name] for name in expected} == expected
    assert (best.threads, best.kv_type) == (found["threads"], found["kv_type"])


def test_what_is_as_good_as_the_rule_leaves_the_rule() -> None:
    check_tuned(
        measured_all(quick(XEON_THREADS)),
        threads=20, batch_tokens=64, kv_type="q8_0", cpu_quota_percent=2000,
    )  # fmt: skip


def test_fewer_threads_are_taken_where_they_measure_faster() -> None:
    measured = measured_all(quick({**XEON_THREADS, 12: 12.0}))
    check_tuned(measured, threads=12, cpu_quota_percent=1200, batch_tokens=64)
    reason = tuned_by(XEON, CHOSEN, measured)[0].threads.reason
    assert reason.startswith("measured ")
    assert "20: " in reason


def test_longer_steps_are_taken_only_while_they_are_short() -> None:
    check_tuned(measured_all(quick(XEON_THREADS, step_gain=1.3)), batch_tokens=256)
    measured = measured_all(quick({count: rate / 50 for count, rate in XEON_THREADS.items()}))
    check_tuned(measured, batch_tokens=64)


def test_shorter_steps_are_taken_where_nobody_who_leaves_would_be_noticed_for_long() -> None:
    """64 tokens in 0.34 s on 20 threads, so that 32 are short enough and 16 aren't measured."""
    slow = measured_all(steady(XEON_THREADS, step_gain=1.1))
    check_tuned(slow, batch_tokens=32)
    assert {trial.batch_tokens for trial in slow} == {64, 32}
    reason = tuned_by(XEON, CHOSEN, slow)[0].batch_tokens.reason
    assert "64: " in reason
    assert "in steps of 3" in reason
    slower = {count: rate / 2 for count, rate in XEON_THREADS.items()}
    check_tuned(measured_all(steady(slower, step_gain=1.1)), batch_tokens=16)


def test_steps_as_short_as_they_can_be_are_taken_where_none_is_short_enough() -> None:
    slowest = {count: rate / 20 for count, rate in XEON_THREADS.items()}
    check_tuned(measured_all(steady(slowest, step_gain=1.1)), batch_tokens=16)


def test_shorter_steps_are_not_taken_at_any_price() -> None:
    def world(trial: Trial) -> Speed:
        return Speed(100.0 if trial.batch_tokens >= 64 else 20.0, 1000.0)

    check_tuned(measured_all(world), batch_tokens=64)


def test_keys_in_full_are_taken_where_they_are_faster_and_have_room() -> None:
    measured = measured_all(steady(XEON_THREADS, f16_gain=1.3))
    check_tuned(measured, kv_type="f16", context_tokens=8192)
    layers = len(CHOSEN.shape.kv_per_token)
    shape = replace(CHOSEN.shape, kv_per_token=(56 * 256,) * layers)
    wide = Subject("wide", shape)
    check_tuned(measured_all(steady(XEON_THREADS, f16_gain=1.3), chosen=wide), wide, kv_type="q8_0")
    assert "leaves room" in tuned_by(XEON, wide, measured)[0].kv_type.reason


def test_each_reason_names_what_was_measured_when_it_was_decided() -> None:
    measured = measured_all(quick({**XEON_THREADS, 12: 12.0}, step_gain=1.3, f16_gain=1.3))
    tuned, best = tuned_by(XEON, CHOSEN, measured)
    assert best == Trial(12, 256, "f16")
    expected = {
        "threads": ("20: ", "6: ", "23: "),
        "batch_tokens": ("64: ", "128: "),
        "kv_type": ("q8_0: ",),
    }
    for name, others in expected.items():
        reason = getattr(tuned, name).reason
        assert reason.startswith("measured ")
        assert all(other in reason for other in others)


def test_what_is_hardly_faster_is_named_as_that() -> None:
    measured = measured_all(quick(XEON_THREADS, f16_gain=1.05))
    check_tuned(measured, kv_type="q8_0")
    reason = tuned_by(XEON, CHOSEN, measured)[0].kv_type.reason
    assert reason.startswith("half of what f16 takes")
    assert reason.endswith("ms, too little to count")


def test_a_moment_of_other_work_does_not_decide() -> None:
    """The rule's setting was measured while the machine was busy, and is measured once more."""
    report, rule = Report(), recommend(XEON, CHOSEN)
    calm, first = quick(XEON_THREADS), rule_trial(rule)
    report.note(first, Speed(calm(first).prefill / 2, calm(first).decode / 2))
    while trial := next_trial(XEON, rule, report.measured, (), report.repeated):
        report.note(trial, calm(trial))
    assert first in report.repeated
    check_tuned(report.measured, threads=20)


def test_what_fails_is_not_tried_again_and_without_the_rules_trial_nothing_is() -> None:
    rule = recommend(XEON, CHOSEN)
    first = rule_trial(rule)
    assert next_trial(XEON, rule, {}, {first}) is None
    speed = Speed(100.0, 10.0)
    failed = {replace(first, threads=6)}
    assert next_trial(XEON, rule, {first: speed}, failed) == replace(first, threads=12)
    assert tuned_by(XEON, CHOSEN, {})[0] == rule


@given(
    st.dictionaries(st.sampled_from([6, 12, 20, 23]), st.floats(0.1, 1000), min_size=4),
    st.floats(0.5, 2),
    st.floats(0.5, 2),
)
def test_what_is_recommended_measured_no_slower_than_the_rule_but_for_shorter_steps(
    threads: dict[int, float], step_gain: float, f16_gain: float
) -> None:
    measured = measured_all(steady(threads, step_gain=step_gain, f16_gain=f16_gain))
    assert len(measured) <= 9
    _, best = tuned_by(XEON, CHOSEN, measured)
    rule = rule_trial(recommend(XEON, CHOSEN))
    cost = STEP_COST if best.batch_tokens < rule.batch_tokens else 1.0
    assert measured[best].completion_s <= measured[rule].completion_s * cost

"""Prediction: what was measured, what is assumed, and the timeouts that follow."""

import pytest

from orchestrator.core.prediction import (
    Assumptions,
    NodeSpeeds,
    Prediction,
    Tolerance,
    Work,
    allow,
    predict,
)
from orchestrator.core.speeds import FIRST_TOKENS_NEEDED, Ratio, Served, Speed

MODEL = "m:1.5b"


def served(**changes: float) -> Served:
    return Served(
        prompt_tokens=int(changes.get("prompt", 1000)),
        cached_tokens=int(changes.get("cached", 0)),
        completion_tokens=int(changes.get("completion", 20)),
        max_tokens=int(changes.get("max_tokens", 40)),
        prompt_chars=int(changes.get("chars", 4000)),
        prefill_s=changes.get("prefill_s", 10.0),
        decode_s=changes.get("decode_s", 4.0),
        load_s=changes.get("load_s", 0.0),
        first_token_s=changes.get("first_token_s", 10.0),
        had_prefix=bool(changes.get("had_prefix", 0)),
    )


def learned(*ones: Served) -> Speed:
    speed = Speed()
    for one in ones:
        speed.on_served(one)
    return speed


def check(
    work: Work, speed: Speed | None, *, model: str | None = None, **node: object
) -> Prediction:
    speeds = {} if speed is None else {MODEL: speed}
    return predict(work, NodeSpeeds(MODEL, speeds, **node), model)  # type: ignore[arg-type]


def test_measured_node_is_predicted_from_its_own_rates() -> None:
    it = check(Work(2000, 100), learned(served()))
    assert it.is_measured
    assert it.prompt_tokens == pytest.approx(500)
    assert it.prefill_s == pytest.approx(5.0)
    assert it.decode_s == pytest.approx(10.0), "half of max_tokens, as the last one used"
    assert (it.first_token_s, it.total_s) == pytest.approx((5.0, 15.0))


def test_queue_and_load_come_before_the_first_token() -> None:
    speed = learned(served(load_s=7.0))
    it = check(Work(2000, 100), speed, is_cold=True, backlog_s=6.0, slots=2)
    assert (it.queue_s, it.load_s) == pytest.approx((3.0, 7.0))
    assert it.first_token_s == pytest.approx(3 + 7 + 5)


def test_another_model_than_the_loaded_one_costs_its_load() -> None:
    it = check(Work(2000, 100), learned(served()), model="n:3b")
    assert it.load_s == Assumptions().load_s
    assert not it.is_measured


def test_unmeasured_model_is_inferred_from_the_ratio_of_sizes() -> None:
    it = check(Work(3500, 10), learned(served()), model="n:3b")
    assert it.prefill_s == pytest.approx(1000 / 50)
    assert it.token_interval_s == pytest.approx(1 / 2.5)


def test_unmeasured_node_is_taken_to_be_like_the_fastest() -> None:
    fastest = {MODEL: learned(served())}
    it = predict(Work(2000, 100), NodeSpeeds(MODEL), None, fastest)
    assert it.first_token_s == pytest.approx(5.0)
    assert not it.is_measured


def test_nothing_measured_at_all_is_assumed_by_size() -> None:
    small, large = (predict(Work(350, 10), NodeSpeeds(f"x:{size}b"), None) for size in (1.5, 15))
    assert small.token_interval_s == pytest.approx(0.1)
    assert large.first_token_s == pytest.approx(10 * small.first_token_s)


def test_prefix_in_the_cache_saves_the_share_that_was_seen_to_be_saved() -> None:
    speed = learned(served(), served(cached=900, prefill_s=1.0, had_prefix=1))
    work, prefixes = Work(2000, 100, "doc"), {"doc": MODEL}
    without, with_it = check(work, speed), check(work, speed, prefixes=prefixes)
    assert with_it.uncached_tokens == pytest.approx(0.1 * without.uncached_tokens)
    assert with_it.first_token_s < 0.2 * without.first_token_s
    assert check(work, speed, prefixes={"doc": "else"}).uncached_tokens == without.uncached_tokens
    cold = check(work, speed, prefixes=prefixes, is_cold=True)
    assert cold.uncached_tokens == without.uncached_tokens


def test_a_change_of_speed_is_learned_within_a_few_answers() -> None:
    speed = learned(*[served(decode_s=1.0)] * 50, *[served(decode_s=10.0)] * 6)
    assert speed.decode.value() == pytest.approx(3.0, rel=0.1), "it was 20, and is 2 now"


def test_cached_prefill_says_little_of_prefill() -> None:
    speed = learned(*[served()] * 3, *[served(cached=999, prefill_s=0.05)] * 3)
    assert speed.prefill.value() == pytest.approx(100, rel=0.05)


def test_success_fades_in_both_directions() -> None:
    speed = learned(*[served()] * 10)
    assert speed.success_rate == 1.0
    speed.on_failed(7.0)
    assert 0.7 < speed.success_rate < 0.9
    assert speed.failed_at == 7.0
    for _ in range(30):
        speed.on_served(served())
    assert speed.success_rate > 0.99


def test_late_is_past_the_95th_percentile_once_enough_is_known() -> None:
    speed = learned(*[served(first_token_s=at / 10) for at in range(1, FIRST_TOKENS_NEEDED)])
    assert speed.late_first_token_s() is None
    speed.on_served(served(first_token_s=9.0))
    assert speed.late_first_token_s() == 9.0


def test_slow_node_gets_its_time_and_a_stuck_one_is_noticed() -> None:
    tolerance = Tolerance(stall_s=60, least_stall_s=10)
    slow = Speed(prefill=Ratio(8, 1), decode=Ratio(0.6, 1), used_of_max=Ratio(1, 1))
    ten_minutes = predict(Work(3500, 300), NodeSpeeds("q:14b", {"q:14b": slow}), None)
    assert ten_minutes.total_s > 600
    allowance = allow(ten_minutes, 300, tolerance)
    assert allowance.total_s > 2 * ten_minutes.total_s
    assert allowance.first_token_s > 2 * ten_minutes.first_token_s
    assert allowance.between_tokens_s == pytest.approx(40 / 0.6)
    fast = Speed(prefill=Ratio(900, 1), decode=Ratio(50, 1))
    quick = predict(Work(350, 30), NodeSpeeds(MODEL, {MODEL: fast}), None)
    assert allow(quick, 30, tolerance).between_tokens_s == 10
    unknown = predict(Work(350, 30), NodeSpeeds(MODEL), None)
    assert allow(unknown, 30, tolerance).first_token_s == 60

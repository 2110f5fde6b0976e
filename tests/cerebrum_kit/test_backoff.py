import pytest
from hypothesis import given
from hypothesis import strategies as st

from cerebrum_kit.backoff import MAX_DELAY_S, Backoff


def delays(ends: list[tuple[float, bool]]) -> list[float]:
    """Play runs of the given (length, was_ready), each begun when the one before allowed it."""
    backoff, now, waits = Backoff(), 0.0, []
    for length_s, was_ready in ends:
        started_at, now = now, now + length_s
        backoff.on_end(started_at, now, was_ready=was_ready)
        waits.append(backoff.wait_s(now))
        now += waits[-1]
    return waits


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        pytest.param([(1, True)], [0], id="the first crash is mended at once"),
        pytest.param([(1, True)] * 4, [0, 0.5, 1, 2], id="then less and less often"),
        pytest.param([(1, True)] * 12, [0, 0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30, 30], id="bounded"),
        pytest.param([(0, False)], [0.5], id="what can't start is not tried again at once"),
        pytest.param([(1, True), (61, True)], [0, 0], id="a long run forgives"),
    ],
)
def test_delay_before_a_restart(ends: list[tuple[float, bool]], expected: list[float]) -> None:
    assert delays(ends) == expected


def test_a_run_that_was_of_use_is_followed_by_the_next_one_at_once() -> None:
    backoff = Backoff()
    for end in range(20):
        backoff.on_end(end, end + 0.5, was_ready=True, has_served=True)
        assert backoff.wait_s(end + 0.5) == 0
    backoff.on_end(20, 20.5, was_ready=True)
    assert backoff.wait_s(20.5) == 0.5


@given(st.lists(st.tuples(st.floats(0, 1000), st.booleans()), max_size=60))
def test_delay_is_never_negative_nor_over_its_bound(ends: list[tuple[float, bool]]) -> None:
    assert all(0 <= wait <= MAX_DELAY_S for wait in delays(ends))

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cerebrum_lsp.core.pace import MAX_DELAY_S, Pace


def pace(*, interval_s: float, first_token_s: float) -> Pace:
    """A pace learned from enough keystrokes and answers of one kind."""
    learned = Pace()
    for key in range(40):
        learned.on_edit(key * interval_s)
        learned.on_first_token(first_token_s)
    return learned


@pytest.mark.parametrize(
    ("first_token_s", "least_s", "most_s"),
    [
        pytest.param(0.005, 0.0, 0.02, id="a pool that answers at once is asked at once"),
        pytest.param(0.3, 0.15, 0.35, id="a usual one after about one interval"),
        pytest.param(5.0, 0.5, MAX_DELAY_S, id="a slow one after a pause"),
    ],
)
def test_the_slower_the_pool_the_longer_the_wait(
    first_token_s: float, least_s: float, most_s: float
) -> None:
    assert least_s <= pace(interval_s=0.25, first_token_s=first_token_s).delay_s() <= most_s


@pytest.mark.parametrize(
    ("rate", "tokens"),
    [
        pytest.param(None, 96, id="nothing is known"),
        pytest.param(50.0, 96, id="all that is wanted"),
        pytest.param(3.0, 45, id="what a slow pool writes in a while"),
        pytest.param(0.1, 16, id="a line, however slow"),
    ],
)
def test_a_slow_pool_is_asked_for_less(rate: float | None, tokens: int) -> None:
    learned = Pace()
    if rate is not None:
        learned.on_rate(rate)
    assert learned.affordable_tokens(96, grows=True) == tokens


def test_what_is_seen_only_when_it_is_whole_is_kept_short() -> None:
    learned = Pace()
    assert learned.affordable_tokens(96, grows=False) == 96, "nothing is known yet"
    learned.on_rate(10.0)
    assert learned.affordable_tokens(96, grows=False) == 20
    learned.on_rate(1_000.0)
    assert learned.affordable_tokens(96, grows=False) == 96


def test_thinking_is_not_typing() -> None:
    learned = pace(interval_s=0.2, first_token_s=0.3)
    before = learned.interval_s
    learned.on_edit(1_000.0)
    assert learned.interval_s == before


@given(st.lists(st.floats(0, 100)), st.lists(st.floats(0, 1000)))
def test_the_wait_is_never_negative_nor_too_long(
    edits: list[float], first_tokens: list[float]
) -> None:
    learned = Pace()
    for at in sorted(edits):
        learned.on_edit(at)
    for elapsed_s in first_tokens:
        learned.on_first_token(elapsed_s)
    assert 0 <= learned.delay_s() <= MAX_DELAY_S


@given(st.floats(0.05, 0.5), st.floats(0.01, 2), st.floats(0.01, 2))
def test_the_wait_grows_with_the_pools_slowness(interval_s: float, one: float, two: float) -> None:
    slower, faster = (
        pace(interval_s=interval_s, first_token_s=each).delay_s()
        for each in (max(one, two), min(one, two))
    )
    assert slower >= faster - 1e-9

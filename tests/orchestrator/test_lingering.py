"""When a local orchestrator ends for want of editors."""

import pytest

from orchestrator.core.lingering import Lingering

LINGER_S = 600.0

TABLE: list[tuple[str, str, float | None]] = [
    ("nobody ever came", "", 600.0),
    ("somebody is there", "+10", None),
    ("somebody was there", "+10 -20", 620.0),
    ("two came and one left", "+10 +11 -20", None),
    ("the last one counts", "+10 +11 -20 -50", 650.0),
    ("came back", "+10 -20 +30", None),
    ("came back and left", "+10 -20 +30 -40", 640.0),
]


@pytest.mark.parametrize(("story", "ends_at"), [row[1:] for row in TABLE],
                         ids=[row[0] for row in TABLE])  # fmt: skip
def test_ends_a_while_after_the_last_one_left(story: str, ends_at: float | None) -> None:
    lingering = Lingering(LINGER_S, alone_since=0.0)
    for step in story.split():
        if step[0] == "+":
            lingering.on_enter()
        else:
            lingering.on_leave(float(step[1:]))
    assert lingering.ends_at() == ends_at

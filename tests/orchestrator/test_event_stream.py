"""Server-sent events come out the same, however their bytes are cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.event_stream import EventStream

TEXT = (
    b": keep-alive\n\n"
    b"event: progress\ndata: {}\n\n"
    b"data: one\r\ndata:two\r\n\r\n"
    b"event: named only\n\n"
    b"id: 7\nretry: 1\ndata\n\n" + "data: é🎉\n\n".encode() + b"data: never ended"
)
EVENTS = [("progress", "{}"), ("", "one\ntwo"), ("", ""), ("", "é🎉")]


@given(st.lists(st.integers(0, len(TEXT)), max_size=12))
def test_cuts_make_no_difference(cuts: list[int]) -> None:
    stream = EventStream()
    bounds = [0, *sorted(cuts), len(TEXT)]
    assert [event for start, end in pairwise(bounds) for event in stream.feed(TEXT[start:end])] == (
        EVENTS
    )


@pytest.mark.parametrize("raw", [b"\n\n", b":\n\n", b"nonsense\n\n", b"event: x\n\n"])
def test_no_data_is_no_event(raw: bytes) -> None:
    assert EventStream().feed(raw) == []


def test_broken_utf8_is_replaced() -> None:
    assert EventStream().feed(b"data: \xff\n\n") == [("", "�")]

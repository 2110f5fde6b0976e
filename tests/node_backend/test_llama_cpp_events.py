"""What llama.cpp's events say, as values."""

import json

import pytest

from node_backend.engines.base import (
    EngineEvent,
    Finished,
    Order,
    Piece,
    PrefillProgress,
    RawPrompt,
)
from node_backend.engines.llama_cpp_api import completion_body, parse_event
from node_backend.errors import EngineFailedError

TIMINGS = {"cache_n": 30, "prompt_n": 12, "prompt_ms": 5.5, "predicted_n": 7, "predicted_ms": 9.25}
FINISHED = Finished(
    reason="stop",
    prompt_tokens=42,
    cached_tokens=30,
    completion_tokens=7,
    prefill_ms=5.5,
    decode_ms=9.25,
)


def final(stop_type: str, content: str = "") -> dict[str, object]:
    return {
        "content": content,
        "stop": True,
        "stop_type": stop_type,
        "tokens_predicted": 7,
        "timings": TIMINGS,
    }


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            {"content": "", "stop": False, "prompt_progress": {"processed": 64, "total": 90}},
            [PrefillProgress(64, 90)],
        ),
        ({"content": "def", "stop": False, "tokens_predicted": 3}, [Piece("def", 3)]),
        ({"content": "", "stop": False, "tokens_predicted": 4}, []),
        (final("eos"), [FINISHED]),
        (final("word", " x"), [Piece(" x", 7), FINISHED]),
        (final("limit"), [Finished("length", 42, 30, 7, 5.5, 9.25)]),
    ],
)
def test_events(event: dict[str, object], expected: list[EngineEvent]) -> None:
    assert parse_event(json.dumps(event)) == expected


def test_an_error_in_the_stream_is_an_error() -> None:
    with pytest.raises(EngineFailedError, match="too long"):
        parse_event('{"error": {"code": 400, "message": "too long"}}')


@pytest.mark.parametrize("text", ["", "not json", "{}", '{"content": "x", "stop": true}'])
def test_nonsense_is_recognised(text: str) -> None:
    with pytest.raises((ValueError, LookupError)):
        parse_event(text)


def test_the_engine_is_always_asked_to_stream_its_progress_on_the_chosen_slot() -> None:
    order = Order(RawPrompt("x"), slot=1, max_tokens=9, temperature=0.5, stop=("\n",))
    body = completion_body([1, 2], order, max_tokens=5)
    assert body["prompt"] == [1, 2]
    assert (body["stream"], body["return_progress"], body["cache_prompt"]) == (True, True, True)
    assert (body["id_slot"], body["n_predict"], body["stop"]) == (1, 5, ["\n"])

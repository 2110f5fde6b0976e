"""The cache of answers: bounded in bytes, and keyed by everything that shapes an answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.cache import Cache
from orchestrator.front import answer_key
from orchestrator.wire import CompleteRequest

KEYS = st.binary(min_size=1, max_size=1)


@given(st.lists(st.tuples(KEYS, st.integers(0, 60)), max_size=60))
def test_never_over_its_bytes_and_its_count_is_right(puts: list[tuple[bytes, int]]) -> None:
    cache: Cache[int] = Cache(max_bytes=100)
    for key, size in puts:
        cache.put(key, size, size)
        assert cache.used_bytes <= 100
        assert (cache.get(key) is None) == (size > 25)
    kept = {key: cache.get(key) for key, _ in puts}
    assert cache.used_bytes == sum(size or 0 for size in kept.values())


def test_what_was_not_used_for_longest_makes_room() -> None:
    cache: Cache[str] = Cache(max_bytes=40)
    for name in "abcd":
        cache.put(name.encode(), name, 10)
    assert cache.get(b"a") == "a"
    cache.put(b"e", "e", 10)
    assert [cache.get(name.encode()) for name in "abcde"] == ["a", None, "c", "d", "e"]


BASE = {"infill": {"prefix": "a", "suffix": "b"}, "document_id": "d", "client_id": "c"}


@pytest.mark.parametrize(
    ("changes", "is_same"),
    [
        ({}, True),
        ({"stream": True}, True),
        ({"priority": 9, "deadline_ms": 7, "client_id": "e", "document_id": "f"}, True),
        ({"infill": {"prefix": "a", "suffix": "c"}}, False),
        ({"infill": {"prefix": "ab", "suffix": ""}}, False),
        ({"infill": {"prefix": "a", "suffix": "b", "path": "p"}}, False),
        ({"snippets": [{"path": "p", "text": "t"}]}, False),
        ({"max_tokens": 5}, False),
        ({"stop": ["\n"]}, False),
        ({"model": "m"}, False),
        ({"tier": "code"}, False),
        ({"language": "python"}, False),
        ({"continue_from": "x"}, False),
        ({"temperature": 0.5}, False),
    ],
)
def test_key(changes: dict[str, object], is_same: bool) -> None:
    one = answer_key(CompleteRequest.model_validate(BASE), "m")
    two = answer_key(CompleteRequest.model_validate({**BASE, **changes}), "m")
    assert (one == two) is is_same


def test_other_models_in_the_pool_are_another_key() -> None:
    request = CompleteRequest(prompt="x")
    assert answer_key(request, "m") != answer_key(request, "n")

"""The GGUF header: what the `gguf` package writes is read, what is broken is refused at once."""

import io
import struct
import tracemalloc
from pathlib import Path

import gguf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_backend.core.gguf_header import (
    MAX_HEADER_BYTES,
    SLICE_BYTES,
    Array,
    Header,
    HeaderError,
    parse_header,
)
from node_backend.core.model_shape import TENSOR_TYPES, shape_of, tensor_bytes
from node_backend.models import bundled_path
from tests.node_backend.shapes import SHAPES, Written, write_shape

WINDOW = bundled_path().read_bytes()[: 1 << 18]


def start(*, version: int = 3, tensors: int = 0, metadata: int = 1) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, metadata)


def entry(key: bytes, type_id: int, value: bytes) -> bytes:
    return struct.pack("<Q", len(key)) + key + struct.pack("<I", type_id) + value


def parse(window: bytes) -> Header:
    return parse_header(io.BytesIO(window).read)


def check_same(path: Path) -> None:
    """Compare with the `gguf` package, field by field and tensor by tensor."""
    reference, header = gguf.GGUFReader(path), parse(path.read_bytes())
    expected = {
        name: field.contents() for name, field in reference.fields.items() if "GGUF." not in name
    }
    assert header.metadata.keys() == expected.keys()
    for key, value in header.metadata.items():
        if isinstance(value, Array):
            assert value.count == len(expected[key])
        else:
            assert value == expected[key]
    for ours, theirs in zip(header.tensors, reference.tensors, strict=True):
        assert ours.name == theirs.name
        assert ours.shape == tuple(theirs.shape)
        assert tensor_bytes(ours) == theirs.n_bytes


def test_the_bundled_model_is_read_as_the_gguf_package_reads_it() -> None:
    check_same(bundled_path())


@pytest.mark.parametrize("written", SHAPES, ids=lambda written: str(written.name))
def test_written_models_are_read_as_the_gguf_package_reads_them(
    tmp_path: Path, written: Written
) -> None:
    small = Written(
        written.name, 4, written.quantisation, written.is_tied, written.window, 2, 256, 4
    )
    check_same(write_shape(tmp_path / "m.gguf", small))


def test_block_sizes_are_those_of_the_gguf_package() -> None:
    for type_id, (name, block, size) in TENSOR_TYPES.items():
        known = gguf.GGMLQuantizationType(type_id)
        assert (known.name, gguf.GGML_QUANT_SIZES[known]) == (name, (block, size))


@pytest.mark.parametrize(
    ("window", "reason"),
    [
        (b"ELF\x7f" + bytes(64), "GGUF"),
        (start(version=1), "version 1"),
        (start(version=1 << 24), "version"),
        (start(tensors=1 << 63), "tensors"),
        (start(metadata=(1 << 64) - 1), "metadata entries"),
        (start() + struct.pack("<Q", (1 << 64) - 1), "bytes of a key"),
        (start() + entry(b"a", 8, struct.pack("<Q", 1 << 62)), "bytes of a text"),
        (start() + entry(b"a", 9, struct.pack("<IQ", 8, 1 << 60)), "items of an array"),
        (start() + entry(b"a", 9, struct.pack("<IQQ", 8, 9, 1 << 60)), "a text of an array"),
        (start() + entry(b"a", 9, struct.pack("<IQ", 9, 1)), "array of arrays"),
        (start() + entry(b"a", 99, bytes(8)), "type 99"),
        (start(metadata=2) + entry(b"a", 0, b"\0") * 2, "twice"),
        (start(tensors=1, metadata=0) + entry(b"t", 200, bytes(64)), "200 dimensions"),
    ],
)
def test_what_no_model_has_is_refused_with_the_reason(window: bytes, reason: str) -> None:
    with pytest.raises(HeaderError, match=reason):
        parse(window)


@given(st.integers(0, 4096))
def test_a_header_cut_anywhere_is_called_truncated(size: int) -> None:
    with pytest.raises(HeaderError, match="goes on"):
        parse(WINDOW[:size])


def vocabulary(*texts: bytes) -> bytes:
    """Return a header with the texts in an array, and a number after it."""
    items = b"".join(struct.pack("<Q", len(text)) + text for text in texts)
    array = entry(b"texts", 9, struct.pack("<IQ", 8, len(texts)) + items)
    return start(metadata=2) + array + entry(b"after", 4, struct.pack("<I", 7))


@given(
    st.lists(st.integers(0, 40).map(bytes), max_size=40),
    st.integers(0, 3 * SLICE_BYTES),
    st.lists(st.integers(0, 40).map(bytes), max_size=40),
)
def test_what_comes_after_a_vocabulary_is_found_wherever_the_slices_end(
    before: list[bytes], long: int, after: list[bytes]
) -> None:
    for shift in range(16):  # the end of a slice in each byte of a length, and of a text
        texts = [*before, bytes(max(0, SLICE_BYTES - 200 + shift)), bytes(long), *after]
        header = parse(vocabulary(*texts))
        assert header.metadata == {"texts": Array(len(texts)), "after": 7}


def test_a_header_is_read_without_ever_being_held_as_a_whole() -> None:
    window = vocabulary(*(b"token %d" % number for number in range(300_000)))
    read = io.BytesIO(window).read
    tracemalloc.start()
    try:
        assert parse_header(read).metadata["texts"] == Array(300_000)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(window) > 5_000_000
    assert peak_bytes < 8 * SLICE_BYTES


def test_a_header_without_end_is_refused() -> None:
    begin = start() + entry(b"texts", 9, struct.pack("<IQ", 8, 1 << 22))
    text = struct.pack("<Q", 1016) + bytes(1016)
    read_bytes = 0

    def read(size: int) -> bytes:
        nonlocal read_bytes
        at, read_bytes = read_bytes, read_bytes + size
        if at == 0:
            return begin + (text * (size // len(text) + 1))[: size - len(begin)]
        return (text * (size // len(text) + 2))[(at - len(begin)) % len(text) :][:size]

    with pytest.raises(HeaderError, match="longer than"):
        parse_header(read)
    assert read_bytes <= MAX_HEADER_BYTES + SLICE_BYTES


def check_read_or_refused(window: bytes) -> None:
    try:
        shape = shape_of(parse(window))
    except HeaderError:
        return
    assert len(shape.kv_per_token) == len(shape.windowed) > 0


@given(st.binary(max_size=2048))
def test_noise_after_the_magic_is_read_or_refused(noise: bytes) -> None:
    check_read_or_refused(b"GGUF\x03\0\0\0" + noise)


@given(st.lists(st.tuples(st.integers(4, 2000), st.integers(0, 255)), min_size=1, max_size=12))
def test_a_mutated_header_is_read_or_refused(changes: list[tuple[int, int]]) -> None:
    window = bytearray(WINDOW)
    for at, value in changes:
        window[at] = value
    check_read_or_refused(bytes(window))

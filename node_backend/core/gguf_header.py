"""Reads the header of a GGUF file (versions 2 and 3), a slice at a time.

The format is described in `docs/gguf.md` of the ggml project. A header is written by strangers, so
every count and length in it is held against a limit before it is believed. It is read in slices
because vocabularies make it megabytes long: whoever holds that at once, even for a moment, keeps
the memory for good (glibc stops giving back what has once been freed in large pieces).
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MAX_METADATA = 4096  # the largest known headers have about a hundred
MAX_TENSORS = 65_536  # models with hundreds of experts stored one by one have about 60,000
MAX_KEY_BYTES = 65_535  # the format's own limit for keys
MAX_TEXT_BYTES = 1 << 20  # the longest texts are chat templates, some ten kilobytes
MAX_ITEMS = 1 << 22  # of one array; the largest vocabularies have 262,144 tokens and as many merges
MAX_DIMENSIONS = 4
MAX_DIMENSION = 1 << 40
KEPT_ITEMS = 1024  # per-layer figures are kept, vocabularies are only counted
MAX_HEADER_BYTES = 64 << 20  # the longest known are some 15 MB, nearly all of it vocabulary
SLICE_BYTES = 1 << 16

TEXT, ARRAY = 8, 9
SCALARS: Mapping[int, struct.Struct] = {
    number: struct.Struct("<" + code) for number, code in enumerate("BbHhIif?")
} | {10: struct.Struct("<Q"), 11: struct.Struct("<q"), 12: struct.Struct("<d")}
COUNT = SCALARS[10]

Scalar = bool | int | float | str
Read = Callable[[int], bytes]
"""Returns the next so many bytes, as a file does: fewer only at the end."""


class HeaderError(ValueError):
    """What was read is no GGUF header, or none that a model could have; the message says why."""


@dataclass(frozen=True)
class Array:
    """An array: how many items, and the items themselves if they are few and numbers."""

    count: int
    items: tuple[bool | int | float, ...] = ()
    begins_at: int = field(default=0, compare=False)
    """Where in the file its texts begin, if it is one of texts; see `text_at`."""


@dataclass(frozen=True)
class Tensor:
    """A tensor as the header announces it; `shape` begins with the innermost dimension."""

    name: str
    shape: tuple[int, ...]
    type_id: int
    offset_bytes: int
    """From the end of the header."""

    @property
    def elements(self) -> int:
        """How many numbers it has."""
        product = 1
        for dimension in self.shape:
            product *= dimension
        return product


@dataclass(frozen=True)
class Header:
    """All that a file says before its tensors."""

    version: int
    metadata: Mapping[str, Scalar | Array]
    tensors: tuple[Tensor, ...]


def parse_header(read: Read) -> Header:
    """Return the header with which begins what `read` returns. Raises HeaderError, or what it does.

    The time is bounded by MAX_HEADER_BYTES, the memory by what is kept and one text.
    """
    reader = _Reader(read)
    if reader.take(4) != MAGIC:
        raise HeaderError("it doesn't begin with GGUF")
    version = reader.u32()
    if version not in VERSIONS:
        raise HeaderError(f"GGUF version {version} is not known here")
    tensor_count = reader.count("tensors", MAX_TENSORS)
    metadata_count = reader.count("metadata entries", MAX_METADATA)
    metadata: dict[str, Scalar | Array] = {}
    for _ in range(metadata_count):
        key = reader.text("a key", MAX_KEY_BYTES)
        if key in metadata:
            raise HeaderError(f"the key {key[:64]!r} stands there twice")
        metadata[key] = reader.value(reader.u32())
    tensors = tuple(reader.tensor() for _ in range(tensor_count))
    return Header(version, metadata, tensors)


def text_at(read: Read, index: int) -> str:
    """Return a text of an array with whose first one begins what `read` returns.

    Raises HeaderError.
    """
    reader = _Reader(read)
    reader.skip_texts(index)
    return reader.text("a text of an array", MAX_TEXT_BYTES)


class _Reader:
    """A place in the header, and the slice of it that is at hand; each method moves on."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._read_bytes = 0
        self._slice = b""
        self._at = 0

    def take(self, size: int) -> bytes:
        begin = self._advance(size)
        return self._slice[begin : self._at]

    def u32(self) -> int:
        begin = self._advance(4)
        number: int = SCALARS[4].unpack_from(self._slice, begin)[0]
        return number

    def u64(self) -> int:
        begin = self._advance(8)
        number: int = COUNT.unpack_from(self._slice, begin)[0]
        return number

    def count(self, what: str, limit: int) -> int:
        number = self.u64()
        if number > limit:
            raise HeaderError(
                f"it claims {number} {what}, and {limit} are the most that make sense"
            )
        return number

    def text(self, what: str, limit_bytes: int) -> str:
        size = self.count(f"bytes of {what}", limit_bytes)
        return self.take(size).decode("utf-8", errors="replace")

    def value(self, type_id: int) -> Scalar | Array:
        if type_id == TEXT:
            return self.text("a text", MAX_TEXT_BYTES)
        if type_id == ARRAY:
            return self._array()
        return self._scalar(type_id)

    def tensor(self) -> Tensor:
        name = self.text("a tensor's name", MAX_KEY_BYTES)
        dimensions = self.u32()
        if dimensions > MAX_DIMENSIONS:
            raise HeaderError(f"a tensor claims {dimensions} dimensions")
        shape = tuple(self.count("places in a dimension", MAX_DIMENSION) for _ in range(dimensions))
        return Tensor(name, shape, self.u32(), self.u64())

    def _scalar(self, type_id: int) -> bool | int | float:
        form = _form(type_id)
        begin = self._advance(form.size)
        number: bool | int | float = form.unpack_from(self._slice, begin)[0]
        return number

    def _array(self) -> Array:
        type_id, count = self.u32(), self.count("items of an array", MAX_ITEMS)
        if type_id == ARRAY:
            raise HeaderError("an array of arrays: no model has that")
        if type_id == TEXT:
            begins_at = self._read_bytes - len(self._slice) + self._at
            self.skip_texts(count)
            return Array(count, begins_at=begins_at)
        form = _form(type_id)
        if count > KEPT_ITEMS:
            self._skip(form.size * count)
            return Array(count)
        raw = self.take(form.size * count)
        return Array(count, tuple(item for (item,) in form.iter_unpack(raw)))

    def skip_texts(self, count: int) -> None:
        """Pass `count` texts; written out, because vocabularies are most of a header's time."""
        piece, at, end, unpack = self._slice, self._at, len(self._slice), COUNT.unpack_from
        for _ in range(count):
            if at + 8 > end:
                self._go_to(at, 8)
                piece, at, end = self._slice, self._at, len(self._slice)
            size = unpack(piece, at)[0]
            if size > MAX_TEXT_BYTES:
                raise HeaderError(f"a text of an array claims {size} bytes")
            at += 8 + size
        self._go_to(at, 0)

    def _go_to(self, at: int, size: int) -> None:
        """Go on to `at`, which may lie beyond the slice, and have `size` bytes at hand there."""
        end = len(self._slice)
        self._at = min(at, end)
        self._skip(at - end)
        self._hold(size)

    def _skip(self, size: int) -> None:
        """Pass bytes that nobody wants, however many."""
        while size > 0:
            step = min(size, SLICE_BYTES)
            self._advance(step)
            size -= step

    def _advance(self, size: int) -> int:
        """Move on by `size` bytes; return where in the slice they begin."""
        self._hold(size)
        begin = self._at
        self._at += size
        return begin

    def _hold(self, size: int) -> None:
        """Have the next `size` bytes at hand."""
        rest = len(self._slice) - self._at
        if rest >= size:
            return
        more = self._read(max(size - rest, SLICE_BYTES))
        self._read_bytes += len(more)
        if self._read_bytes > MAX_HEADER_BYTES:
            raise HeaderError(f"its header is longer than {MAX_HEADER_BYTES} bytes")
        self._slice, self._at = self._slice[self._at :] + more, 0
        if len(self._slice) < size:
            raise HeaderError(f"the header goes on after the end, at {self._read_bytes} bytes")


def _form(type_id: int) -> struct.Struct:
    form = SCALARS.get(type_id)
    if form is None:
        raise HeaderError(f"values of type {type_id} are not known")
    return form

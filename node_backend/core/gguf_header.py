"""Reads the header of a GGUF file (versions 2 and 3) from a window of its first bytes.

The format is described in `docs/gguf.md` of the ggml project. A header is written by strangers, so
every count and length in it is held against a limit and against the window before it is believed.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass

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

TEXT, ARRAY = 8, 9
SCALARS: Mapping[int, struct.Struct] = {
    number: struct.Struct("<" + code) for number, code in enumerate("BbHhIif?")
} | {10: struct.Struct("<Q"), 11: struct.Struct("<q"), 12: struct.Struct("<d")}
COUNT = SCALARS[10]

Scalar = bool | int | float | str


class HeaderError(ValueError):
    """What was read is no GGUF header, or none that a model could have; the message says why."""


class TruncatedHeaderError(HeaderError):
    """The header goes on beyond the window."""


@dataclass(frozen=True)
class Array:
    """An array: how many items, and the items themselves if they are few and numbers."""

    count: int
    items: tuple[bool | int | float, ...] = ()


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


def parse_header(window: bytes) -> Header:
    """Return the header at the beginning of `window`. Raises HeaderError.

    The time and memory are bounded by the window's size.
    """
    reader = _Reader(window)
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


class _Reader:
    """A position in the window; each method reads one thing and moves on."""

    def __init__(self, window: bytes) -> None:
        self._window = window
        self._at = 0

    def take(self, size: int) -> bytes:
        return self._window[self._advance(size) : self._at]

    def u32(self) -> int:
        number: int = SCALARS[4].unpack_from(self._window, self._advance(4))[0]
        return number

    def u64(self) -> int:
        number: int = COUNT.unpack_from(self._window, self._advance(8))[0]
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
        number: bool | int | float = form.unpack_from(self._window, self._advance(form.size))[0]
        return number

    def _array(self) -> Array:
        type_id, count = self.u32(), self.count("items of an array", MAX_ITEMS)
        if type_id == ARRAY:
            raise HeaderError("an array of arrays: no model has that")
        if type_id == TEXT:
            self._skip_texts(count)
            return Array(count)
        form = _form(type_id)
        raw = self.take(form.size * count) if count <= KEPT_ITEMS else b""
        if count > KEPT_ITEMS:
            self._advance(form.size * count)
        return Array(count, tuple(item for (item,) in form.iter_unpack(raw)))

    def _skip_texts(self, count: int) -> None:
        """Pass `count` texts; written out, because vocabularies are most of a header's time."""
        window, at, end, unpack = self._window, self._at, len(self._window), COUNT.unpack_from
        for _ in range(count):
            if at + 8 > end:
                raise _truncated(end)
            size = unpack(window, at)[0]
            if size > MAX_TEXT_BYTES:
                raise HeaderError(f"a text of an array claims {size} bytes")
            at += 8 + size
        self._at = at
        self._advance(0)

    def _advance(self, size: int) -> int:
        """Move on by `size` bytes; return where that began."""
        begin = self._at
        if begin + size > len(self._window):
            raise _truncated(len(self._window))
        self._at = begin + size
        return begin


def _form(type_id: int) -> struct.Struct:
    form = SCALARS.get(type_id)
    if form is None:
        raise HeaderError(f"values of type {type_id} are not known")
    return form


def _truncated(size: int) -> TruncatedHeaderError:
    return TruncatedHeaderError(f"the header goes on after its first {size} bytes")

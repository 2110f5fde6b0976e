"""From a GGUF header to the figures on which a model's memory depends."""

from collections.abc import Mapping
from dataclasses import dataclass

from node_backend.core.gguf_header import Array, Header, HeaderError, Tensor

# type id: (name, numbers in a block, bytes of a block), as ggml.h has them
TENSOR_TYPES: Mapping[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22), 7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 40),
    10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50), 20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136), 24: ("I8", 1, 1), 25: ("I16", 1, 2),
    26: ("I32", 1, 4), 27: ("I64", 1, 8), 28: ("F64", 1, 8), 29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66), 39: ("MXFP4", 32, 17),
}  # fmt: skip

WINDOW_PERIODS: Mapping[str, int] = {"gemma2": 2, "gemma3": 6, "gpt-oss": 2, "cohere2": 4}
"""Of so many layers, the last sees everything and the others a window (gemma3 measured)."""

REPACKED_TYPES = {2, 12, 20}  # Q4_0 (measured on x86-64), Q4_K and IQ4_NL (assumed alike)
MAX_LAYERS = 4096
MAX_FIGURE = 1 << 32


@dataclass(frozen=True)
class Shape:
    """What of a model decides its memory. Sizes of a layer are in numbers per token."""

    architecture: str
    weights_bytes: int
    repacked_bytes: int
    """Of the weights: what the engine copies into a layout that the CPU likes better."""
    parameters: int
    vocabulary: int
    width: int
    hidden: int
    trained_context_tokens: int
    kv_per_token: tuple[int, ...]
    """For each layer: KV heads times the sizes of a key and a value."""
    windowed: tuple[bool, ...]
    """For each layer: whether it sees only the last `window_tokens`."""
    window_tokens: int


def shape_of(header: Header) -> Shape:
    """Return the shape that a header describes. Raises HeaderError where figures are missing."""
    figures = _Figures(header)
    layers = figures.number("block_count", limit=MAX_LAYERS)
    heads = figures.per_layer("attention.head_count", layers)
    kv_heads = figures.per_layer("attention.head_count_kv", layers, default=heads)
    width = figures.number("embedding_length")
    head_size = width // max(1, *heads)
    key_size = figures.number("attention.key_length", default=head_size)
    value_size = figures.number("attention.value_length", default=head_size)
    window = figures.number("attention.sliding_window", default=0)
    period = WINDOW_PERIODS.get(figures.architecture, 0) if window else 0
    hidden = figures.per_layer("feed_forward_length", layers, default=(width * 4,) * layers)
    return Shape(
        architecture=figures.architecture,
        weights_bytes=sum(tensor_bytes(tensor) for tensor in header.tensors),
        repacked_bytes=sum(map(tensor_bytes, filter(_is_repacked, header.tensors))),
        parameters=sum(tensor.elements for tensor in header.tensors),
        vocabulary=figures.vocabulary(),
        width=width,
        hidden=max(hidden),
        trained_context_tokens=figures.number("context_length"),
        kv_per_token=tuple(count * (key_size + value_size) for count in kv_heads),
        windowed=tuple(bool(period) and layer % period < period - 1 for layer in range(layers)),
        window_tokens=window if period else 0,
    )


def tensor_bytes(tensor: Tensor) -> int:
    """Return the size of a tensor. Raises HeaderError for a type that is not known."""
    if tensor.type_id not in TENSOR_TYPES:
        raise HeaderError(f"tensors of type {tensor.type_id} are not known")
    _, block, block_bytes = TENSOR_TYPES[tensor.type_id]
    return -(-tensor.elements // block) * block_bytes


def _is_repacked(tensor: Tensor) -> bool:
    is_matrix = len(tensor.shape) == 2 and not tensor.name.startswith("token_embd")
    return is_matrix and tensor.type_id in REPACKED_TYPES


class _Figures:
    """Looks figures up by the names that the architecture gives them."""

    def __init__(self, header: Header) -> None:
        self._metadata = header.metadata
        self._tensors = header.tensors
        architecture = header.metadata.get("general.architecture")
        if not isinstance(architecture, str):
            raise HeaderError("it doesn't say which architecture it has")
        self.architecture = architecture

    def number(self, name: str, default: int | None = None, limit: int = MAX_FIGURE) -> int:
        value = self._metadata.get(f"{self.architecture}.{name}", default)
        return _checked(name, value, limit)

    def per_layer(
        self, name: str, layers: int, default: tuple[int, ...] | None = None
    ) -> tuple[int, ...]:
        value = self._metadata.get(f"{self.architecture}.{name}")
        if value is None and default is not None:
            return default
        if not isinstance(value, Array):
            return (_checked(name, value, MAX_FIGURE),) * layers
        if len(value.items) < layers:
            raise HeaderError(f"{name} has fewer figures than there are layers")
        return tuple(_checked(name, item, MAX_FIGURE) for item in value.items[:layers])

    def vocabulary(self) -> int:
        for tensor in self._tensors:
            if tensor.name == "token_embd.weight" and len(tensor.shape) == 2:
                return tensor.shape[1]
        raise HeaderError("it has no embeddings")


def _checked(name: str, value: object, limit: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise HeaderError(f"it doesn't say its {name}")
    if not 0 <= value <= limit or (value == 0 and name == "block_count"):
        raise HeaderError(f"its {name} of {value} makes no sense")
    return value

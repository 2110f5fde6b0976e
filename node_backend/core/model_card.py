"""What a list says of a model: its family, its size in parameters, how it is quantised."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from node_backend.core.gguf_header import Header
from node_backend.core.model_shape import TENSOR_TYPES, Shape, shape_of, tensor_bytes

# llama.h's `llama_ftype`, as files give it in `general.file_type`
FILE_TYPES: Mapping[int, str] = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K",
    11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S",
    17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS",
    23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S",
    29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0",
    38: "MXFP4_MOE",
}  # fmt: skip


@dataclass(frozen=True)
class Card:
    """What is known of a model from its header."""

    family: str
    parameters: int
    quantisation: str
    shape: Shape


def card_of(header: Header) -> Card:
    """Return what a header says. Raises HeaderError where figures are missing."""
    shape = shape_of(header)
    return Card(shape.architecture, shape.parameters, quantisation_of(header), shape)


def quantisation_of(header: Header) -> str:
    """Return the name of a file's mixture of types, or else the type that most of its bytes have.

    Raises HeaderError for a tensor of a type that is not known.
    """
    file_type = header.metadata.get("general.file_type")
    if isinstance(file_type, int) and file_type in FILE_TYPES:
        return FILE_TYPES[file_type]
    bytes_by_type: Counter[str] = Counter()
    for tensor in header.tensors:
        size = tensor_bytes(tensor)
        bytes_by_type[TENSOR_TYPES[tensor.type_id][0]] += size
    return max(bytes_by_type, key=bytes_by_type.__getitem__, default="?")

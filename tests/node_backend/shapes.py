"""Models of chosen shapes, written with the `gguf` package: real for the engine."""

from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np

from node_backend.models import bundled_path

VOCABULARY = 6144


@dataclass(frozen=True)
class Written:
    """What a model is written as."""

    name: str
    kv_heads: int
    quantisation: gguf.GGMLQuantizationType
    is_tied: bool = False
    window: int = 0
    layers: int = 12
    width: int = 768
    heads: int = 12
    context: int = 4096

    @property
    def architecture(self) -> str:
        return "gemma3" if self.window else "llama"


F16, Q8_0, Q4_0 = (
    gguf.GGMLQuantizationType.F16,
    gguf.GGMLQuantizationType.Q8_0,
    gguf.GGMLQuantizationType.Q4_0,
)
SHAPES = (
    Written("multi-head", kv_heads=12, quantisation=F16),
    Written("grouped-query", kv_heads=4, quantisation=Q8_0),
    Written("tied embeddings", kv_heads=4, quantisation=Q4_0, is_tied=True),
    Written("sliding window", kv_heads=4, quantisation=F16, is_tied=True, window=512),
)


def write_shape(path: Path, written: Written) -> Path:
    """Write the model; return `path`."""
    writer = gguf.GGUFWriter(path, written.architecture)
    size = written.width // written.heads
    writer.add_context_length(written.context)
    writer.add_embedding_length(written.width)
    writer.add_block_count(written.layers)
    writer.add_feed_forward_length(written.width * 3)
    writer.add_head_count(written.heads)
    writer.add_head_count_kv(written.kv_heads)
    writer.add_key_length(size)
    writer.add_value_length(size)
    writer.add_layer_norm_rms_eps(1e-5)
    if written.window:
        writer.add_sliding_window(written.window)
    _add_vocabulary(writer)
    _add_weights(writer, written, size)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_vocabulary(writer: gguf.GGUFWriter) -> None:
    for key, field in gguf.GGUFReader(bundled_path()).fields.items():
        if key.startswith("tokenizer."):
            item_type = field.types[-1] if field.types[1:] else None
            writer.add_key_value(key, field.contents(), field.types[0], item_type)


def _add_weights(writer: gguf.GGUFWriter, written: Written, size: int) -> None:
    width, hidden = written.width, written.width * 3

    def matrix(name: str, rows: int, columns: int) -> None:
        zeros = np.zeros((rows, columns), dtype=np.float32)
        quantised = gguf.quants.quantize(zeros, written.quantisation)
        writer.add_tensor(f"{name}.weight", quantised, raw_dtype=written.quantisation)

    def norm(name: str, length: int = width) -> None:
        writer.add_tensor(f"{name}.weight", np.ones(length, dtype=np.float32))

    matrix("token_embd", VOCABULARY, width)
    norm("output_norm")
    if not written.is_tied:
        matrix("output", VOCABULARY, width)
    for layer in range(written.layers):
        block = f"blk.{layer}"
        norm(f"{block}.attn_norm")
        norm(f"{block}.ffn_norm")
        matrix(f"{block}.attn_q", width, width)
        matrix(f"{block}.attn_output", width, width)
        for name in ("attn_k", "attn_v"):
            matrix(f"{block}.{name}", written.kv_heads * size, width)
        for name in ("ffn_gate", "ffn_up"):
            matrix(f"{block}.{name}", hidden, width)
        matrix(f"{block}.ffn_down", width, hidden)
        if written.window:
            for name in ("attn_q_norm", "attn_k_norm"):
                norm(f"{block}.{name}", size)
            for name in ("post_attention_norm", "post_ffw_norm"):
                norm(f"{block}.{name}")

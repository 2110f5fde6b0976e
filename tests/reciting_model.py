"""A model that recites a text for ever: real weights for a real engine, and a known answer.

The bundled model says what it likes, is fast, and ends when it likes. Here each token of `TEXT`
leads to the next one and all other tokens lead to the first: the layers compute as always, but add
nothing to the embedding, and the output matrix maps each token's embedding to its successor.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray

from node_backend.models import bundled_path

TEXT = "ab\né🎉日"  # characters of one to four tokens, since each byte here is one; no byte twice
HEADS, CONTEXT = 8, 8192

Weights = NDArray[np.float16]


@dataclass(frozen=True)
class Size:
    """How much there is to compute for a token."""

    width: int
    layers: int

    @property
    def hidden(self) -> int:
        """The width of the feed-forward layers."""
        return self.width * 11 // 4


SLOW = Size(width=512, layers=8)  # 64 MB, some hundred tokens a second on one core
QUICK = Size(width=128, layers=1)


def write_reciting_model(
    path: Path,
    *,
    text: str = TEXT,
    size: Size = SLOW,
    has_fim: bool = True,
    chat_template: str | None = None,
    markers: Mapping[str, str] = MappingProxyType({}),
) -> Path:
    """Write the model, always the same for the same arguments; return `path`.

    Without FIM it is one of those that want a token before every prompt. `markers` renames control
    tokens of its vocabulary.
    """
    fields = gguf.GGUFReader(bundled_path()).fields
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(size.width)
    writer.add_block_count(size.layers)
    writer.add_feed_forward_length(size.hidden)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(size.width // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    for key, field in fields.items():
        if key.startswith("tokenizer.") and (has_fim or "fim" not in key):
            value, item_type = field.contents(), field.types[-1] if field.types[1:] else None
            if not has_fim:
                value = without_fim(key, value)
            if key == "tokenizer.ggml.tokens":
                value = [markers.get(token, token) for token in value]
            writer.add_key_value(key, value, field.types[0], item_type)
    if chat_template is not None:
        writer.add_chat_template(chat_template)
    add_tensors(writer, fields["tokenizer.ggml.tokens"].contents(), text, size)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def without_fim(key: str, value: Any) -> Any:
    """Return a tokeniser's setting as a model has it that was not trained to fill in."""
    match key:
        case "tokenizer.ggml.tokens":
            return [token.replace("<|fim_", "<|other_") for token in value]
        case "tokenizer.ggml.add_bos_token":
            return True
        case _:
            return value


def add_tensors(writer: gguf.GGUFWriter, vocabulary: list[str], text: str, size: Size) -> None:
    """Add weights of the usual shapes; what each layer would add to its input is zero."""
    width, hidden = size.width, size.hidden
    chance = np.random.default_rng(seed=1)

    def random(rows: int, columns: int) -> Weights:
        return chance.normal(0, 0.02, (rows, columns)).astype(np.float16)

    embedding, output = recitation(vocabulary, text, random(len(vocabulary) + 1, width))
    writer.add_tensor("token_embd.weight", embedding)
    writer.add_tensor("output.weight", output)
    writer.add_tensor("output_norm.weight", np.ones(width, dtype=np.float32))
    for layer in range(size.layers):
        block = f"blk.{layer}"
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"{block}.{name}.weight", np.ones(width, dtype=np.float32))
        for name in ("attn_q", "attn_k", "attn_v"):
            writer.add_tensor(f"{block}.{name}.weight", random(width, width))
        for name in ("ffn_gate", "ffn_up"):
            writer.add_tensor(f"{block}.{name}.weight", random(hidden, width))
        for name, columns in (("attn_output", width), ("ffn_down", hidden)):
            writer.add_tensor(f"{block}.{name}.weight", np.zeros((width, columns), np.float16))


def recitation(vocabulary: list[str], text: str, directions: Weights) -> tuple[Weights, Weights]:
    """Return the embedding and the output matrix: from each token of the text to the next."""
    shared, own = directions[-1], directions[:-1]
    tokens = [vocabulary.index(byte_symbol(byte)) for byte in text.encode()]
    embedding = shared + own * np.float16(0.1)
    embedding[tokens] = own[tokens]
    output = np.zeros_like(embedding)
    for token, successor in zip(tokens, tokens[1:] + tokens[:1], strict=True):
        output[successor] = embedding[token] * 10
    output[tokens[0]] += shared * 10
    return embedding, output


def byte_symbol(byte: int) -> str:
    """Return how byte-level vocabularies write a byte: as a printable character (as in GPT-2)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    if byte in printable:
        return chr(byte)
    others = [each for each in range(256) if each not in printable]
    return chr(256 + others.index(byte))

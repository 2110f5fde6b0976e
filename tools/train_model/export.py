"""The export: weights and tokenizer as one GGUF file that llama.cpp runs."""

from __future__ import annotations

import json
from pathlib import Path

import gguf
import numpy as np
from tokenizers import Tokenizer

from tools.train_model.layout import (
    END,
    FILE_SEP,
    FIM_MIDDLE,
    FIM_PAD,
    FIM_PREFIX,
    FIM_SUFFIX,
    REPO_NAME,
    SPECIALS,
)
from tools.train_model.network import Network, Shape

NAME = "Cerebrum Tiny"
DESCRIPTION = (
    "A tiny fill-in-the-middle model of Python code, trained from scratch on the Python standard "
    "library; for first runs and tests of Cerebrum, not for serious work."
)
LAYER_NAMES = {
    "attention_norm": "attn_norm",
    "attention.q": "attn_q",
    "attention.k": "attn_k",
    "attention.v": "attn_v",
    "attention.o": "attn_output",
    "feed_norm": "ffn_norm",
    "feed.gate": "ffn_gate",
    "feed.up": "ffn_up",
    "feed.down": "ffn_down",
}


def tensor_name(parameter: str) -> str:
    """Translate a parameter's name ("blocks.3.feed.up.weight") to llama.cpp's."""
    if parameter == "embedding.weight":
        return "token_embd.weight"
    if parameter == "norm.weight":
        return "output_norm.weight"
    _, layer, rest = parameter.split(".", 2)
    return f"blk.{layer}.{LAYER_NAMES[rest.removesuffix('.weight')]}.weight"


def export(network: Network, tokenizer: Tokenizer, path: Path) -> None:
    """Write ``path`` anew (under another name first, then renamed): Q8_0 matrices, F32 norms."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    writer = gguf.GGUFWriter(str(fresh), "llama")
    _write_general(writer, network.shape)
    _write_tokenizer(writer, tokenizer)
    for name, value in network.named_parameters():
        data = value.detach().numpy().astype(np.float32)
        if value.ndim < 2:
            writer.add_tensor(tensor_name(name), data)
            continue
        kind = gguf.GGMLQuantizationType.Q8_0
        writer.add_tensor(tensor_name(name), gguf.quants.quantize(data, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    fresh.replace(path)


def _write_general(writer: gguf.GGUFWriter, shape: Shape) -> None:
    writer.add_name(NAME)
    writer.add_description(DESCRIPTION)
    writer.add_license("apache-2.0")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_vocab_size(shape.vocab)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_dim)
    writer.add_value_length(shape.head_dim)
    writer.add_rope_dimension_count(shape.head_dim)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.norm_eps)


def _write_tokenizer(writer: gguf.GGUFWriter, tokenizer: Tokenizer) -> None:
    model = json.loads(tokenizer.to_str())["model"]
    tokens = [token for token, _ in sorted(model["vocab"].items(), key=lambda item: item[1])]
    kinds = [
        gguf.TokenType.CONTROL if token in SPECIALS else gguf.TokenType.NORMAL for token in tokens
    ]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(pair) for pair in model["merges"]])
    writer.add_add_bos_token(False)
    end = SPECIALS.index(END)
    writer.add_bos_token_id(end)
    writer.add_eos_token_id(end)
    writer.add_eot_token_id(end)
    writer.add_pad_token_id(SPECIALS.index(FIM_PAD))
    keys = gguf.Keys.Tokenizer
    for key, token in (
        (keys.FIM_PRE_ID, FIM_PREFIX),
        (keys.FIM_SUF_ID, FIM_SUFFIX),
        (keys.FIM_MID_ID, FIM_MIDDLE),
        (keys.FIM_PAD_ID, FIM_PAD),
        (keys.FIM_REP_ID, REPO_NAME),
        (keys.FIM_SEP_ID, FILE_SEP),
    ):
        writer.add_uint32(key, SPECIALS.index(token))

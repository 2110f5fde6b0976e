"""The network: a small llama-architecture decoder (RMSNorm, RoPE, SwiGLU, GQA, tied embeddings).

RoPE is applied in the interleaved form (pairs of neighbouring dimensions), because that is what
llama.cpp computes for the architecture "llama"; so the exporter writes q and k rows as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Queries that attend together (see ``causal_attention``).
QUERY_BLOCK = 128


@dataclass(frozen=True)
class Shape:
    """Sizes of the network; every row length is a multiple of 32, which Q8_0 asks for."""

    vocab: int = 6144
    width: int = 256
    layers: int = 8
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 64
    hidden: int = 704
    context: int = 2048
    rope_base: float = 10_000.0
    norm_eps: float = 1e-5

    def parameters(self) -> int:
        """Count the trained values (the embedding counts once: it is also the output)."""
        attention = 2 * self.width * self.head_dim * (self.heads + self.kv_heads)
        layer = attention + 3 * self.width * self.hidden + 2 * self.width
        return self.vocab * self.width + self.layers * layer + self.width


def rope_table(shape: Shape) -> Tensor:
    """Cosines and sines of all positions: float32, (context, head_dim/2, 2)."""
    steps = torch.arange(0, shape.head_dim, 2, dtype=torch.float64) / shape.head_dim
    angles = torch.outer(torch.arange(shape.context, dtype=torch.float64), shape.rope_base**-steps)
    return torch.stack((angles.cos(), angles.sin()), dim=-1).float()


def rotate(x: Tensor, table: Tensor) -> Tensor:
    """Rotate neighbouring pairs of ``x`` (batch, time, heads, head_dim) by their position."""
    pairs = x.view(*x.shape[:-1], -1, 2)
    cos, sin = table[:, None, :, 0], table[:, None, :, 1]
    even, odd = pairs[..., 0], pairs[..., 1]
    turned = torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1)
    return turned.flatten(-2).type_as(x)


def causal_attention(q: Tensor, k: Tensor, v: Tensor, parts: Tensor | None) -> Tensor:
    """Attention in blocks of queries, each with the keys up to its end: (batch, head, time, size).

    ``parts`` (batch, time) numbers the examples that share a row; they don't see each other.

    Plain products instead of torch's fused kernel, because on a CPU these are 1.6 times as fast
    once compiled; the blocks skip most of what the causal mask would throw away.
    """
    outs = []
    for start in range(0, q.shape[2], QUERY_BLOCK):
        rows = q[:, :, start : start + QUERY_BLOCK]
        end = start + rows.shape[2]
        scores = (rows @ k[:, :, :end].mT).float() * q.shape[-1] ** -0.5
        hidden = torch.arange(start, end)[:, None] < torch.arange(end)[None]
        if parts is not None:
            hidden = hidden | (parts[:, start:end, None] != parts[:, None, :end])[:, None]
        chances = scores.masked_fill(hidden, float("-inf")).softmax(-1).to(v.dtype)
        outs.append(chances @ v[:, :, :end])
    return torch.cat(outs, dim=2)


class Attention(nn.Module):
    """Causal self-attention in which several query heads share one key/value head."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        kv = shape.kv_heads * shape.head_dim
        self.q = nn.Linear(shape.width, shape.heads * shape.head_dim, bias=False)
        self.k = nn.Linear(shape.width, kv, bias=False)
        self.v = nn.Linear(shape.width, kv, bias=False)
        self.o = nn.Linear(shape.heads * shape.head_dim, shape.width, bias=False)

    def forward(self, x: Tensor, table: Tensor, parts: Tensor | None) -> Tensor:
        """(batch, time, width) in and out."""
        size = self.shape.head_dim
        q = rotate(self.q(x).unflatten(-1, (-1, size)), table).transpose(1, 2)
        k = rotate(self.k(x).unflatten(-1, (-1, size)), table).transpose(1, 2)
        v = self.v(x).unflatten(-1, (-1, size)).transpose(1, 2)
        repeat = self.shape.heads // self.shape.kv_heads
        k, v = k.repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1)
        mixed = causal_attention(q, k, v, parts)
        out: Tensor = self.o(mixed.transpose(1, 2).flatten(-2))
        return out


class FeedForward(nn.Module):
    """SwiGLU: ``down(silu(gate(x)) * up(x))``."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate = nn.Linear(shape.width, shape.hidden, bias=False)
        self.up = nn.Linear(shape.width, shape.hidden, bias=False)
        self.down = nn.Linear(shape.hidden, shape.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, time, width) in and out."""
        out: Tensor = self.down(functional.silu(self.gate(x)) * self.up(x))
        return out


class Block(nn.Module):
    """One layer: attention, then feed-forward, each normalised before and added after."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(shape.width, eps=shape.norm_eps)
        self.attention = Attention(shape)
        self.feed_norm = nn.RMSNorm(shape.width, eps=shape.norm_eps)
        self.feed = FeedForward(shape)

    def forward(self, x: Tensor, table: Tensor, parts: Tensor | None) -> Tensor:
        """(batch, time, width) in and out."""
        x = x + self.attention(self.attention_norm(x), table, parts)
        out: Tensor = x + self.feed(self.feed_norm(x))
        return out


class Network(nn.Module):
    """Token ids to next-token logits."""

    table: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocab, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width, eps=shape.norm_eps)
        self.register_buffer("table", rope_table(shape), persistent=False)
        self._initialise()

    def _initialise(self) -> None:
        """Small normal weights; the last matrix of each branch starts at zero (identity layers)."""
        nn.init.normal_(self.embedding.weight, std=0.02)
        for name, value in self.named_parameters():
            if value.ndim < 2 or name.startswith("embedding"):
                continue
            if name.endswith((".o.weight", ".down.weight")):
                nn.init.zeros_(value)
            else:
                nn.init.normal_(value, std=0.5 * value.shape[1] ** -0.5)

    def features(self, ids: Tensor, parts: Tensor | None = None) -> Tensor:
        """Ids (batch, time) to the last layer's output (batch, time, width)."""
        x: Tensor = self.embedding(ids)
        table = self.table[: ids.shape[1]]
        for block in self.blocks:
            x = block(x, table, parts)
        return x

    def head(self, x: Tensor) -> Tensor:
        """Features (batch, time, width) to logits (batch, time, vocab)."""
        logits: Tensor = functional.linear(self.norm(x), self.embedding.weight)
        return logits

    def forward(self, ids: Tensor) -> Tensor:
        """Ids (batch, time) to logits (batch, time, vocab)."""
        return self.head(self.features(ids))

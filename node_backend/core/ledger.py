"""How much memory a model takes before it is loaded, by part, and what would fit instead.

The parts follow llama.cpp's own allocation: the file's tensors are mapped, keys and values are
kept for every position of every slot, and one graph is computed for `batch_tokens` at a time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from node_backend.core.model_shape import Shape

MIB = 1 << 20
CACHE_PADDING_TOKENS = 256  # llama.cpp rounds the positions of a cache up to this
PROCESS_BYTES = 60 * MIB  # Python and the engine: about 50 MiB measured, and some room
KvType = Literal["f16", "q8_0", "q4_0"]
KV_BYTES: Mapping[KvType, float] = {"f16": 2.0, "q8_0": 34 / 32, "q4_0": 18 / 32}
"""Per number of the cache; quantised ones stand in blocks of 32 with a scale of two bytes."""
LEAST_CONTEXT_TOKENS = 512  # below it there is no room for a prompt worth sending
QUANTISATIONS = (("Q8_0", 8.5), ("Q6_K", 6.6), ("Q5_K_M", 5.7), ("Q4_K_M", 4.85), ("Q3_K_M", 3.9))
"""Bits per parameter of whole files, roughly: they differ a little from model to model."""


@dataclass(frozen=True)
class Plan:
    """How a model is to be run."""

    context_tokens: int
    """Per slot."""
    slots: int
    batch_tokens: int
    prompt_cache_bytes: int
    kv_type: KvType = "f16"


@dataclass(frozen=True)
class Needs:
    """Bytes by part."""

    weights: int
    kv: int
    compute: int
    prompt_cache: int
    reclaimable: int = 0
    """Weights in the file's layout that were repacked: resident until others want the memory."""
    process: int = PROCESS_BYTES

    @property
    def loaded(self) -> int:
        """What is resident once the model is loaded."""
        return self.weights + self.kv + self.compute + self.process + self.reclaimable

    @property
    def total(self) -> int:
        """What it can't do without, the filled prompt cache included."""
        return self.loaded + self.prompt_cache - self.reclaimable


@dataclass(frozen=True)
class Fits:
    """It fits."""

    needs: Needs


@dataclass(frozen=True)
class TooLarge:
    """It doesn't fit; at most one of the two proposals would be enough on its own."""

    needs: Needs
    available_bytes: int
    context_tokens: int | None = None
    """Per slot, with which it would fit."""
    quantisation: str | None = None
    """With which it would fit, if no context makes it fit."""

    def explain(self) -> str:
        """Say the figures and the proposal in a sentence."""
        needs = self.needs
        parts = f"weights {_gib(needs.weights)}, context {_gib(needs.kv)}"
        text = (
            f"the model needs {_gib(needs.total)} ({parts}), and "
            f"{_gib(self.available_bytes)} are free for it"
        )
        if self.context_tokens is not None:
            return f"{text}; a context of {self.context_tokens} tokens would fit"
        if self.quantisation is not None:
            return f"{text}; it would fit as {self.quantisation} with a smaller context"
        return f"{text}; take a smaller model"


def needs_of(shape: Shape, plan: Plan) -> Needs:
    """Return what a model takes when it is run as planned."""
    return Needs(
        weights=shape.weights_bytes,
        kv=_kv_bytes(shape, plan),
        compute=_compute_bytes(shape, plan),
        prompt_cache=plan.prompt_cache_bytes,
        reclaimable=shape.repacked_bytes,
    )


def fits(shape: Shape, plan: Plan, available_bytes: int) -> Fits | TooLarge:
    """Say whether the model fits, and else what of it would."""
    needs = needs_of(shape, plan)
    if needs.total <= available_bytes:
        return Fits(needs)
    context_tokens = _context_that_fits(shape, plan, available_bytes)
    quantisation = None
    if context_tokens is None:
        quantisation = _quantisation_that_fits(shape, plan, available_bytes)
    return TooLarge(needs, available_bytes, context_tokens, quantisation)


def _kv_bytes(shape: Shape, plan: Plan) -> int:
    whole = _padded(plan.context_tokens)
    windowed = min(whole, _padded(shape.window_tokens + plan.batch_tokens))
    numbers = sum(
        size * (windowed if is_windowed else whole)
        for size, is_windowed in zip(shape.kv_per_token, shape.windowed, strict=True)
    )
    return int(numbers * plan.slots * KV_BYTES[plan.kv_type])


def _compute_bytes(shape: Shape, plan: Plan) -> int:
    """Return the graph's buffer: the logits, and the widest activations a few times over."""
    per_token = shape.vocabulary + 2 * shape.hidden + 4 * shape.width
    return per_token * plan.batch_tokens * 4


def _context_that_fits(shape: Shape, plan: Plan, available_bytes: int) -> int | None:
    """Return the largest padded context below the planned one with which it fits."""
    low, high = LEAST_CONTEXT_TOKENS // CACHE_PADDING_TOKENS - 1, _padded(plan.context_tokens)
    high //= CACHE_PADDING_TOKENS
    while low + 1 < high:
        middle = (low + high) // 2
        tried = replace(plan, context_tokens=middle * CACHE_PADDING_TOKENS)
        if needs_of(shape, tried).total <= available_bytes:
            low = middle
        else:
            high = middle
    tokens = low * CACHE_PADDING_TOKENS
    return tokens if tokens >= LEAST_CONTEXT_TOKENS else None


def _quantisation_that_fits(shape: Shape, plan: Plan, available_bytes: int) -> str | None:
    least = replace(plan, context_tokens=min(plan.context_tokens, LEAST_CONTEXT_TOKENS))
    for name, bits in QUANTISATIONS:
        smaller = replace(shape, weights_bytes=int(shape.parameters * bits / 8))
        is_smaller = smaller.weights_bytes < shape.weights_bytes
        if is_smaller and needs_of(smaller, least).total <= available_bytes:
            return name
    return None


def _padded(tokens: int) -> int:
    return -(-tokens // CACHE_PADDING_TOKENS) * CACHE_PADDING_TOKENS


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / (1 << 30):.2f} GiB"

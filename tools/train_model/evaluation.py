"""The measurements: bits per byte, exact lines through the real engine, and the yardstick."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch.nn import functional

from tools.train_model.corpus import Corpus, Source
from tools.train_model.engine import Engine
from tools.train_model.fim import Cut, Example
from tools.train_model.layout import END, FIM_MIDDLE, SPECIALS, layout
from tools.train_model.lines import Case, Reply, cases, score
from tools.train_model.network import Network
from tools.train_model.parity import next_token_gap, tokenizer_mismatches, varied_strings
from tools.train_model.trigram import Trigram

LINES, STRINGS, PROMPTS = 600, 400, 40
REPLY_TOKENS = 48
START = SPECIALS.index(END)


@torch.no_grad()
def network_bits(network: Network, ids: Sequence[int]) -> float:
    """Bits that the network spends on a file; every token sees at least half a context if it can.

    The file's first token is predicted from the end token, as after another file.
    """
    padded = torch.tensor([START, *ids])
    size = network.shape.context
    bits, done = 0.0, 1
    while done < len(padded):
        begin = max(0, done - size // 2)
        chunk = padded[begin : begin + size + 1]
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(chunk[None, :-1])[0].float()
        fresh = done - begin - 1
        losses = functional.cross_entropy(logits[fresh:], chunk[1 + fresh :], reduction="sum")
        bits += losses.item() / math.log(2)
        done = begin + len(chunk)
    return bits


def bits_per_byte(
    count: Callable[[Sequence[int]], float], sources: Sequence[Source], tokenizer: Tokenizer
) -> float:
    """Sum a model's bits over files and divide by their bytes."""
    bits = sum(count(tokenizer.encode(s.text).ids) for s in sources)
    return round(bits / sum(s.size for s in sources), 4)


def trigram_of(corpus: Corpus, tokenizer: Tokenizer) -> Trigram:
    """Train the yardstick on the training split."""
    model = Trigram(tokenizer.get_vocab_size(), START)
    model.learn(tokenizer.encode(s.text).ids for s in corpus.training)
    return model


def question(case: Case, tokenizer: Tokenizer) -> list[int]:
    """Ids of the suffix-first prompt, up to and with the token that asks for the middle."""
    example = Example(Cut(case.prefix, "", case.suffix, "rest"), "spm")
    ids: list[int] = []
    for piece in layout(example):
        ids += [SPECIALS.index(piece.text)] if piece.special else tokenizer.encode(piece.text).ids
        if piece.text == FIM_MIDDLE:
            break
    return ids


def reply(answer: dict[str, Any]) -> Reply:
    """Read a completion's text and whether its end was the model's own."""
    return Reply(answer["content"], answer["stop_type"] == "eos")


def evaluate(
    network: Network, tokenizer: Tokenizer, corpus: Corpus, model: Path, threads: int
) -> dict[str, Any]:
    """Measure everything; the figures are ready for JSON."""
    rng = random.Random(2)
    engine = Engine(model, threads=threads)
    drawn = cases(corpus.held_out, LINES, rng)
    strings = varied_strings(corpus.held_out, STRINGS, rng)
    prompts = [question(case, tokenizer) for case in drawn]
    held_out = corpus.held_out
    return {
        "bits_per_byte": bits_per_byte(lambda ids: network_bits(network, ids), held_out, tokenizer),
        "trigram_bits_per_byte": bits_per_byte(
            trigram_of(corpus, tokenizer).bits, held_out, tokenizer
        ),
        "psm": score(
            drawn, [reply(engine.infill(c.prefix, c.suffix, REPLY_TOKENS)) for c in drawn]
        ),
        "spm": score(drawn, [reply(engine.complete(p, REPLY_TOKENS)) for p in prompts]),
        "engine": {
            "strings": len(strings),
            "tokenized_differently": len(tokenizer_mismatches(engine, tokenizer, strings)),
            **next_token_gap(engine, network, prompts[:PROMPTS]),
        },
    }

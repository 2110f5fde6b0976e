"""The model card: text made from a run's figures, so that it says only what was measured."""

from __future__ import annotations

import json
from typing import Any

CARD = """\
# Cerebrum Tiny

A tiny fill-in-the-middle model of Python code, trained from scratch. It comes with Cerebrum so that
the first completion appears without a download, and so that the tests run a real engine.

| | |
| --- | --- |
| File | `{file}`, GGUF, Q8_0 matrices and F32 norms, {megabytes:.1f} MB |
| Licence | Apache-2.0 |
| Architecture | llama: RMSNorm, RoPE, SwiGLU, grouped-query attention, tied embeddings |
| Size | {parameters:,} parameters: {layers} layers, width {width}, {heads} heads of {head_dim} \
({kv_heads} for keys and values), feed-forward {hidden} |
| Context | {context:,} tokens |
| Tokenizer | byte-level BPE, {vocab:,} tokens, pre-tokenizer `qwen2`, special tokens named as \
Qwen's |

## Data

The standard library of Python {python}: {training_files} files ({training_megabytes:.2f} MB) for
training, {held_out_files} whole files ({held_out_megabytes:.2f} MB, chosen by a hash of their path)
held out from the model and from the tokenizer. Tests, packages and tables of data are left out. The
library's licence is PSF-2.0; a completion may repeat lines of it.

## Training

{tokens_millions:.1f} million tokens, {epochs:.1f} passes with fresh cuts each time, in \
{minutes:.0f} minutes of {threads} {machine} CPU threads \
that were shared with other work; no GPU. \
Muon for the hidden matrices, AdamW for the rest, linear decay to zero, bf16 products, rows of 256,
then 512, 1,024 and 2,048 tokens. About two thirds of the examples are prefix-suffix-middle, a third
suffix-prefix-middle (Bavarian et al. 2022, arXiv 2207.14255), cut between characters: the rest of a
line, a whole line, a few lines, a block, any span; some have snippets of other files before them.
{note}

## Measured on the held-out files

| | this model | trigram model, same tokens and files |
| --- | --- | --- |
| bits per byte | {bits_per_byte:.3f} | {trigram_bits_per_byte:.3f} |

The rest of a line, cut at a random character of {lines} random lines (comments and docstrings
included), greedy, through llama.cpp:

| | first line exact | exact, and ended there by itself | ended by itself |
| --- | --- | --- | --- |
| prefix-suffix-middle (`/infill`) | {psm[exact]:.1%} | {psm[exact_and_stopped]:.1%} \
| {psm[stopped]:.1%} |
| suffix-prefix-middle | {spm[exact]:.1%} | {spm[exact_and_stopped]:.1%} | {spm[stopped]:.1%} |

llama.cpp against the training code: {engine[tokenized_differently]} of {engine[strings]} strings
tokenized differently; the likeliest next token is the same after \
{engine[same_first_choice]:.1%} of {engine[prompts]} prompts; log-probabilities differ by
{engine[mean_log_gap]:.3f} on average (what Q8_0 rounds off).

## What it is for, and what not

For a first run and for tests. It knows some idioms of one library and nothing of yours, invents
names, is wrong much more often than right (see above), and understands no other language. Read what
it writes. For work, point Cerebrum to a large model with fill-in-the-middle tokens:

    CEREBRUM_MODEL=/path/model.gguf

Made by `python -m tools.train_model all`; the same code on the same Python version gives a model
like this one, not the same bytes.

## All figures

```json
{figures}
```
"""


def render(figures: dict[str, Any], note: str = "") -> str:
    """Write the card; ``note`` says how the run strayed from the recipe.

    ``figures`` has the groups "shape", "data", "run", "file" and "held_out".
    """
    shape, data, run = figures["shape"], figures["data"], figures["run"]
    return CARD.format(
        **shape,
        **figures["held_out"],
        file=figures["file"]["name"],
        megabytes=figures["file"]["bytes"] / 1e6,
        python=data["python"],
        training_files=data["training_files"],
        training_megabytes=data["training_bytes"] / 1e6,
        held_out_files=data["held_out_files"],
        held_out_megabytes=data["held_out_bytes"] / 1e6,
        tokens_millions=run["tokens"] / 1e6,
        epochs=run["epochs"],
        minutes=run["minutes"],
        threads=run["threads"],
        machine=run["machine"],
        lines=figures["held_out"]["psm"]["lines"],
        note=f"\n{note}" if note else "",
        figures=json.dumps(figures, indent=2),
    )

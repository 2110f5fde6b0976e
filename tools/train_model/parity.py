"""Does the engine see what training saw? The same ids for a text, the same next tokens."""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch
from tokenizers import Tokenizer

from tools.train_model.corpus import Source
from tools.train_model.engine import Engine
from tools.train_model.network import Network

ODD_STRINGS = (
    "",
    " ",
    "\n",
    "\r\n",
    "\t\tif x:\r\n\t\t\treturn\r\n",
    "    \n        \n\n  x",
    "x  \n  y   ",
    "naïve café Straße ÅÄÖ ñ",
    "變數 = 函數(引數)",
    "переменная = 12345678.90e-10",
    "٣٤٥ ½ Ⅷ x²",
    "😀👩‍👩‍👧‍👦 emoji 🇫🇮",
    "e\u0301 \u200b \ufeff \u00a0 \u3000 \x07",
    "I'll don't we've HE'S 'tis ''' \"\"\"",
    "<|endoftext|> <|fim_prefix|>x<|fim_suffix|>",
    "a=b+c*-d//e**f!=g<=h>>=i@j",
    "0x_ff 1_000 0b1010 3.14j",
)
_ALPHABET = " \t\n\r  abcXYZ_0189.,:()[]{}'\"#=+-/\\%éß中я😀²\u00a0"


def varied_strings(sources: Sequence[Source], count: int, rng: random.Random) -> list[str]:
    """Odd strings, noise over many kinds of characters, and pieces of held-out files."""
    strings = list(ODD_STRINGS)
    while len(strings) < count:
        if rng.random() < 0.4:
            strings.append("".join(rng.choices(_ALPHABET, k=rng.randint(1, 60))))
            continue
        text = rng.choice(sources).text
        start = rng.randrange(len(text))
        piece = text[start : start + rng.randint(1, 400)]
        strings.append(piece.replace("\n", "\r\n") if rng.random() < 0.2 else piece)
    return strings


def tokenizer_mismatches(engine: Engine, tokenizer: Tokenizer, strings: Sequence[str]) -> list[str]:
    """Return the strings that the engine tokenizes differently (there should be none)."""
    return [s for s in strings if engine.tokenize(s) != tokenizer.encode(s).ids]


@torch.no_grad()
def next_token_gap(
    engine: Engine, network: Network, prompts: Sequence[Sequence[int]]
) -> dict[str, float]:
    """Compare the next token after each prompt: same first choice; mean gap of log-chances.

    The gap is taken over the engine's five likeliest tokens; what remains is what Q8_0 rounds off.
    """
    same, gaps = 0, []
    for prompt in prompts:
        answer = engine.complete(prompt, 1, n_probs=5)
        top = answer["completion_probabilities"][0]["top_logprobs"]
        logs = network(torch.tensor([list(prompt)]))[0, -1].float().log_softmax(-1)
        same += int(logs.argmax()) == top[0]["id"]
        gaps += [abs(float(logs[entry["id"]]) - entry["logprob"]) for entry in top]
    return {
        "prompts": len(prompts),
        "same_first_choice": round(same / len(prompts), 4),
        "mean_log_gap": round(sum(gaps) / len(gaps), 4),
    }

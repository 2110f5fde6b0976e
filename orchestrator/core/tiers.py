"""Which models serve which kind of work, best first, and how large each is. Pure.

The lists are those of the pool that this grew from, a pair of machines of 30 and 70 billion
parameters; any can be replaced by configuration.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Literal

Tier = Literal["code", "reasoning", "math", "light", "general"]
Tiers = Mapping[Tier, Sequence[str]]

DEFAULT_TIERS: Tiers = {
    "code": (
        "qwen2.5-coder:7b",
        "deepseek-coder-v2:latest",
        "codellama:13b",
        "qwen2.5-coder:3b",
        "deepseek-coder:6.7b",
        "qwen2.5-coder:1.5b",
    ),
    "reasoning": ("qwen3:14b",),
    "math": ("qwen3:14b",),
    "light": ("qwen3:1.7b",),
    "general": ("llama3.1:70b", "mistral:latest", "llama3.2:3b", "qwen3:8b"),
}
# Billions of parameters of names that don't say them.
KNOWN_SIZES_B = {"deepseek-coder-v2": 15.7, "mistral": 7.2}

# A number followed by b or m and by nothing that would make it part of a word: 14b is 14 and not
# 4, 1.5b is 1.5 and not 5, 8x7b is 56, q4 and v2 are none.
SIZE = re.compile(r"(?<![\w.])(?:(\d+)x)?(\d+(?:\.\d+)?)([bm])(?![a-z0-9])", re.IGNORECASE)


def size_b(model: str) -> float | None:
    """Return the billions of parameters that a model's name says, None if it doesn't."""
    found = SIZE.search(model)
    if found is None:
        return KNOWN_SIZES_B.get(model.partition(":")[0].lower())
    experts, number, unit = found.groups()
    billions = float(number) / (1000 if unit.lower() == "m" else 1)
    return billions * int(experts or 1)


def same_model(one: str, other: str) -> bool:
    """Whether two names mean one model; without a tag, `latest` is meant."""
    return _full(one) == _full(other)


def has_model(models: Sequence[str], wanted: str) -> str | None:
    """Return the name under which `wanted` is among `models`, None if it is not."""
    return next((model for model in models if same_model(model, wanted)), None)


def _full(model: str) -> str:
    name = model.strip().lower()
    return name.removesuffix(":latest")

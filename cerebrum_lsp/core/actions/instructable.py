"""Which models of a pool follow instructions, by the names that they are known under.

The pool tells names and nothing more. Makers and hubs name their models by a few habits:
`instruct`, `chat` and `it` were trained to follow instructions, `base`, `code` and `text` were not.
In Ollama's library a plain tag (`:7b`) is the instructed variant, of a file the plain name is the
base model.
"""

import re
from collections.abc import Iterable

WORDS = re.compile(r"[^a-z0-9.]+")
INSTRUCTED = frozenset({"instruct", "chat", "it", "assistant", "dpo", "sft", "instructions"})
BASE = frozenset({"base", "pt", "fim", "completion", "embed", "embedding"})
BASE_TAGS = BASE | {"code", "text", "python"}
BASE_FAMILIES = ("starcoder", "cerebrum", "stable-code", "codegemma:2b", "tiny_starcoder")
INSTRUCTED_FAMILIES = (
    *("qwen3", "codestral", "devstral", "mistral-small", "gpt-oss", "phi3", "phi4", "phi-3"),
    *("phi-4", "deepseek-r1", "magistral", "granite4", "glm-4", "command-r", "smollm3"),
)


def follows_instructions(model: str) -> bool:
    """Whether a model's name says that it was trained to do what it is told."""
    name = model.lower().rpartition("/")[2].removesuffix(".gguf")
    family, colon, tag = name.partition(":")
    if INSTRUCTED & set(WORDS.split(name)):
        return True
    if name.startswith(BASE_FAMILIES) or BASE & set(WORDS.split(family)):
        return False
    if BASE_TAGS & set(WORDS.split(tag)):
        return False
    return bool(colon) or name.startswith(INSTRUCTED_FAMILIES)


def best_instructed(loaded: Iterable[str], listed: Iterable[str], chosen: str | None) -> str | None:
    """Return the model to ask, None if none of them follows instructions.

    The one that the user has chosen; else one that is loaded, one for code first; else any.
    """
    everything = [*loaded, *listed]
    if chosen in everything and chosen is not None and follows_instructions(chosen):
        return chosen
    able = [model for model in everything if follows_instructions(model)]
    ready = set(loaded)

    def rank(model: str) -> tuple[bool, bool]:
        return model not in ready, "cod" not in model.lower()

    return min(able, key=rank, default=None)

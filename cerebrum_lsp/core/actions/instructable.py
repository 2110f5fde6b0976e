"""Which models of a pool follow instructions: as their node says, or else by their names.

A node reads it from the model's file, or asks its server; where it can't tell (or is of an older
version), names are left. Makers and hubs name their models by a few habits:
`instruct`, `chat` and `it` were trained to follow instructions, `base`, `code` and `text` were not.
In Ollama's library a plain tag (`:7b`) is the instructed variant, of a file the plain name is the
base model.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Candidate:
    """A model that a node can run; `chat` is whether it follows instructions, as the node says."""

    name: str
    is_loaded: bool = False
    chat: bool | None = None

    @property
    def is_able(self) -> bool:
        """Whether it does what it is told, by all that is known."""
        return follows_instructions(self.name) if self.chat is None else self.chat


def best_instructed(candidates: Iterable[Candidate], chosen: str | None) -> str | None:
    """Return the model to ask, None if none of them follows instructions.

    The one that the user has chosen; else one that is loaded, one for code first; else any.
    """
    able = [each for each in candidates if each.is_able]

    def rank(each: Candidate) -> tuple[bool, bool, bool]:
        return each.name != chosen, not each.is_loaded, "cod" not in each.name.lower()

    best = min(able, key=rank, default=None)
    return best.name if best else None

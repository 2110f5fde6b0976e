"""Whether a model follows a chat, from what its file, its name or its server says of it.

A template is not enough: makers pack base models with the template of their instructed siblings
(Qwen2.5-Coder does). Such a model writes on after a turn. What tells them apart is the token that
ends their texts: an instructed model ends a turn with one that its template writes, a base model
ends a document with one that no chat has.
"""

import re
from collections.abc import Collection, Iterable

WORDS = re.compile(r"[^a-z0-9]+")
INSTRUCTED = frozenset({"instruct", "instructed", "chat", "it", "assistant"})
BASE = frozenset({"base", "pt", "pretrained"})
ACTION = re.compile(r"{{.*?}}", re.DOTALL)
TURNS = re.compile(r"\.(Messages|System|Role)\b")
CHATTING = frozenset({"tools", "thinking", "vision"})


def by_name(*names: str) -> bool | None:
    """Return what words that makers add to a model's name say; None where there are none."""
    words = set(WORDS.split(" ".join(names).lower()))
    if words & INSTRUCTED:
        return True
    return False if words & BASE else None


def by_template(template: str | None, end_tokens: Iterable[str], *names: str) -> bool | None:
    """Return what a model file says: its own (Jinja) template, the tokens that end its texts.

    None where its template is perhaps not what it was trained with.
    """
    if template is None:
        return False
    named = by_name(*names)
    if named is not None:
        return named
    ends_turns = "eos_token" in template or any(end in template for end in end_tokens if end)
    return True if ends_turns else None


def by_ollama(template: str, capabilities: Collection[str], *names: str) -> bool | None:
    """Return what Ollama shows of a model: its (Go) template, and what it says it can do.

    A template that has only the prompt in it, or the prompt and a suffix, sends it as it is.
    """
    if capabilities and "completion" not in capabilities:
        return False
    named = by_name(*names)
    if named is not None:
        return named
    if CHATTING & set(capabilities) or TURNS.search(template):
        return True
    if not template.strip():
        return None
    return bool(ACTION.sub("", template).strip()) and ".Suffix" not in template

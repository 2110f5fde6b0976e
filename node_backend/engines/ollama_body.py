"""From an order to what Ollama is asked: its endpoint and its body, but for options."""

from dataclasses import dataclass

from node_backend.core.fim_families import FimFamily
from node_backend.core.instruct import Turn
from node_backend.engines.base import ChatPrompt, InfillPrompt, Order, RawPrompt
from node_backend.engines.hosted_prompt import (
    around_cursor,
    chat_turns,
    code_turns,
    limit_tokens,
    messages_of,
    own_form,
    raw_text,
)


@dataclass(frozen=True)
class Facts:
    """What is known of a model."""

    model: str
    context_tokens: int
    family: FimFamily | None
    can_insert: bool
    """Whether Ollama's template for the model knows a suffix."""
    can_think: bool = False
    has_chat: bool | None = None


@dataclass(frozen=True)
class Asked:
    """A request without its options."""

    path: str
    body: dict[str, object]
    is_instruct: bool = False


def body_of(facts: Facts, order: Order) -> Asked:
    """Return what to ask. Raises PromptTooLongError or EmptyPromptError."""
    limit = limit_tokens(facts.context_tokens, order)
    match order.prompt:
        case RawPrompt(text):
            return _raw(raw_text(text + order.continue_from, limit))
        case ChatPrompt() as chat:
            return _chat(facts, chat_turns(chat, order.continue_from))
        case InfillPrompt() as infill:
            return _infill(facts, infill, order.continue_from, limit)


def _infill(facts: Facts, infill: InfillPrompt, continue_from: str, limit: int) -> Asked:
    """Ask with a suffix, or in the family's own form, or in a chat.

    The family's form where there are other files, for which there is no place beside a suffix,
    and where text is missing on one side of the cursor: without a prompt, Ollama only loads the
    model, and without a suffix it takes the prompt for a turn of a chat.
    """
    has_both = bool(infill.suffix and (infill.prefix or continue_from))
    has_files = bool(infill.snippets and facts.family and facts.family.files)
    if facts.can_insert and has_both and not has_files:
        before, after = around_cursor(facts.family, infill, continue_from, limit)
        return Asked("/api/generate", {"prompt": before, "suffix": after})
    if facts.family is not None:
        return _raw(own_form(facts.family, infill, continue_from, limit))
    return _chat(facts, code_turns(infill, continue_from, limit), is_instruct=True)


def _raw(text: str) -> Asked:
    return Asked("/api/generate", {"prompt": text, "raw": True})


def _chat(facts: Facts, turns: tuple[Turn, ...], *, is_instruct: bool = False) -> Asked:
    quiet = {"think": False} if facts.can_think else {}
    return Asked("/api/chat", {"messages": messages_of(turns), **quiet}, is_instruct)

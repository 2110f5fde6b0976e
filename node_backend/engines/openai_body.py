"""From an order to what an OpenAI-compatible server is asked: its endpoint and its body."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

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
from node_backend.engines.hosted_session import Exchange

Completions = Literal["suffix", "plain", "none"]
"""Whether `/completions` is there, and whether it heeds a suffix."""


@dataclass(frozen=True)
class Facts:
    """What is known of a model and its server."""

    model: str
    context_tokens: int
    family: FimFamily | None
    completions: Completions
    has_chat: bool | None = None
    """Whether it follows a chat."""

    @property
    def has_fim(self) -> bool:
        """Whether text after the cursor can be given as such."""
        is_marked = self.completions == "plain" and self.family is not None
        return self.completions == "suffix" or is_marked


def exchange_of(facts: Facts, order: Order) -> Exchange:
    """Return what to ask. Raises PromptTooLongError or EmptyPromptError."""
    limit = limit_tokens(facts.context_tokens, order)
    match order.prompt:
        case RawPrompt(text):
            kept = raw_text(text + order.continue_from, limit)
            if facts.completions == "none":
                return _chat(facts, order, (("user", kept),))
            return _completion(facts, order, {"prompt": kept})
        case ChatPrompt() as chat:
            return _chat(facts, order, chat_turns(chat, order.continue_from))
        case InfillPrompt() as infill:
            return _infill(facts, order, infill, limit)


def _infill(facts: Facts, order: Order, infill: InfillPrompt, limit: int) -> Exchange:
    """Ask with a suffix, or in the family's own form, or in a chat."""
    family, continue_from = facts.family, order.continue_from
    if facts.completions == "suffix":
        before, after = around_cursor(family, infill, continue_from, limit)
        return _completion(facts, order, {"prompt": before, "suffix": after})
    if facts.completions == "plain" and family is not None:
        prompt = own_form(family, infill, continue_from, limit)
        return _completion(facts, order, {"prompt": prompt})
    return _chat(facts, order, code_turns(infill, continue_from, limit), is_instruct=True)


def _completion(facts: Facts, order: Order, body: dict[str, str]) -> Exchange:
    return Exchange("completions", {**body, **_common(facts, order, order.stop)})


def _chat(
    facts: Facts, order: Order, turns: Sequence[Turn], *, is_instruct: bool = False
) -> Exchange:
    stop = () if is_instruct else order.stop
    body = {"messages": messages_of(turns), **_common(facts, order, stop)}
    return Exchange("chat/completions", body, is_instruct)


def _common(facts: Facts, order: Order, stop: Sequence[str]) -> dict[str, object]:
    return {
        "model": facts.model,
        "max_tokens": order.max_tokens,
        "temperature": order.temperature,
        "stream": True,
        "stream_options": {"include_usage": True},
        **({"stop": list(stop)} if stop else {}),
    }

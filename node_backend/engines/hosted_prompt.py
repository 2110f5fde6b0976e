"""What servers are sent that tokenise for themselves: cut to size, and without markers in it."""

from collections.abc import Sequence

from node_backend.core.fim_families import FimFamily
from node_backend.core.fim_text import CHAT_CONTROLS, chars_within, fitted, neutral, text_prompt
from node_backend.core.instruct import Turn, fitting_turns
from node_backend.core.window import room
from node_backend.engines.base import ChatPrompt, InfillPrompt, Order
from node_backend.errors import EmptyPromptError, PromptTooLongError


def limit_tokens(context_tokens: int, order: Order) -> int:
    """Return how many tokens the prompt of an order may have."""
    return room(context_tokens, order.max_tokens).prompt_tokens


def raw_text(text: str, limit: int) -> str:
    """Return the end of a text, at most `limit` tokens long. Raises EmptyPromptError."""
    if not text:
        raise EmptyPromptError("the prompt is empty")
    kept, _ = fitted(text, "", chars_within(limit, text))
    return kept


def around_cursor(
    family: FimFamily | None, infill: InfillPrompt, continue_from: str, limit: int
) -> tuple[str, str]:
    """Return the text before and after the cursor, for a server with a template of its own."""
    prefix = infill.prefix + continue_from
    before, after = fitted(prefix, infill.suffix, chars_within(limit, prefix + infill.suffix))
    literals = family.literals if family else CHAT_CONTROLS
    return neutral(before, literals), neutral(after, literals)


def own_form(family: FimFamily, infill: InfillPrompt, continue_from: str, limit: int) -> str:
    """Return the prompt in the family's own form. Raises PromptTooLongError."""
    limit_chars = chars_within(limit, infill.prefix + infill.suffix)
    texts = (infill.prefix, infill.suffix, continue_from)
    text = text_prompt(family, texts, infill.path, _snippets(infill), limit_chars)
    if text is None:
        raise PromptTooLongError("what was generated already leaves the model no room")
    return text


def code_turns(infill: InfillPrompt, continue_from: str, limit: int) -> tuple[Turn, ...]:
    """Return the turns that ask for the code at the cursor."""
    prefix = infill.prefix + continue_from
    limit_chars = chars_within(limit, prefix + infill.suffix)
    return fitting_turns(prefix, infill.suffix, infill.path, _snippets(infill), limit_chars)


def chat_turns(chat: ChatPrompt, continue_from: str) -> tuple[Turn, ...]:
    """Return the turns of a chat; what was generated already is an answer that goes on."""
    return (*chat.turns, ("assistant", continue_from)) if continue_from else chat.turns


def messages_of(turns: Sequence[Turn]) -> list[dict[str, str]]:
    """Return the turns as JSON has them."""
    return [{"role": role, "content": neutral(content, CHAT_CONTROLS)} for role, content in turns]


def _snippets(infill: InfillPrompt) -> list[tuple[str, str]]:
    return [(each.path, each.text) for each in infill.snippets]

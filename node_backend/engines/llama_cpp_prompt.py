"""From an order to the token ids of its prompt, for a model that llama.cpp runs."""

from collections.abc import Sequence
from dataclasses import dataclass

from node_backend.core.fim import DEFAULT_PATH, File, FimParts, assemble, inert, split_at
from node_backend.core.fim_text import chars_within
from node_backend.core.instruct import fitting_turns
from node_backend.core.window import cap_end, cap_start, fit_fim, keep_end, room, step_of
from node_backend.engines.base import ChatPrompt, InfillPrompt, Order, RawPrompt
from node_backend.engines.llama_cpp_api import LlamaCppApi
from node_backend.engines.llama_cpp_facts import Fim, ModelFacts
from node_backend.errors import EmptyPromptError, PromptTooLongError

SHRINK = 0.8  # of the room, for the next try when a text had more tokens than it looked like
LEAD = (
    "☺"  # takes the blank before a text upon itself, and is joined with nothing: CodeLlama's trick
)


@dataclass(frozen=True)
class TokenPrompt:
    """A prompt that fits, and how much may be generated after it."""

    tokens: list[int]
    max_tokens: int
    is_instruct: bool = False
    """Whether a chat was asked for code, so that its answer may hold more than that."""


async def build_prompt(api: LlamaCppApi, facts: ModelFacts, order: Order) -> TokenPrompt:
    """Turn an order into tokens that fit the context.

    Raises PromptTooLongError or EmptyPromptError.
    """
    limit = room(facts.context_tokens, order.max_tokens).prompt_tokens
    is_instruct = False
    match order.prompt:
        case RawPrompt(text):
            tokens = await _raw(api, facts, text + order.continue_from, limit)
        case ChatPrompt(turns):
            tokens = await _chat(api, turns, order.continue_from, limit)
        case InfillPrompt() as infill if facts.fim is not None:
            builder = _Infill(api, facts.start, facts.fim)
            tokens = await builder.build(infill, order.continue_from, limit)
        case InfillPrompt() as infill if facts.has_chat:
            is_instruct = True
            tokens = await _instruct(api, infill, order.continue_from, limit)
        case InfillPrompt(prefix=prefix):
            # Without marks for what follows, what stands before is all that can be continued.
            text = prefix + order.continue_from
            tokens = await _raw(api, facts, text, limit, parse_special=False)
    if not tokens:
        raise EmptyPromptError("the prompt is empty")
    max_tokens = min(order.max_tokens, facts.context_tokens - len(tokens))
    return TokenPrompt(tokens, max_tokens, is_instruct)


async def _raw(
    api: LlamaCppApi, facts: ModelFacts, text: str, limit: int, *, parse_special: bool = True
) -> list[int]:
    """Keep the end of a text that is too long: that is where the model goes on."""
    tokens = await api.tokenize(cap_end(text, limit), parse_special=parse_special)
    rest = keep_end(tuple(tokens), limit - len(facts.start), step_of(limit))
    return [*facts.start, *rest]


async def _chat(
    api: LlamaCppApi, turns: Sequence[tuple[str, str]], continue_from: str, limit: int
) -> list[int]:
    tokens = await _chat_tokens(api, turns, continue_from)
    if len(tokens) > limit:
        raise _too_long(len(tokens), limit)
    return tokens


async def _chat_tokens(
    api: LlamaCppApi, turns: Sequence[tuple[str, str]], continue_from: str
) -> list[int]:
    """Tokenise a chat in the model's template; only the template's own words are control tokens."""
    contents = [content for _, content in turns]
    written = await api.tokenize(contents, parse_special=True)
    if written == await api.tokenize(contents, parse_special=False):
        text = await api.apply_template(turns) + continue_from
        return await api.tokenize(text, parse_special=True, add_special=True)
    # Somebody's text holds a control token. The template is filled with words that stand for the
    # texts, which are tokenised apart from it.
    names = [f"text-{number}-of-this-chat" for number in range(len(turns))]
    template = await api.apply_template(
        [(role, name) for (role, _), name in zip(turns, names, strict=True)]
    )
    tokens = list(await api.tokenize("", parse_special=True, add_special=True))
    for name, content in zip(names, contents, strict=True):
        before, _, template = template.partition(name)
        tokens += await api.tokenize(before, parse_special=True)
        tokens += await api.tokenize(content, parse_special=False)
    tokens += await api.tokenize(template, parse_special=True)
    return [*tokens, *(await api.tokenize(continue_from, parse_special=False))]


async def _instruct(
    api: LlamaCppApi, infill: InfillPrompt, continue_from: str, limit: int
) -> list[int]:
    """Ask in a chat for the code at the cursor; what was generated already belongs before it."""
    prefix = infill.prefix + continue_from
    snippets = [(each.path, each.text) for each in infill.snippets]
    limit_chars = chars_within(limit, prefix + infill.suffix)
    while True:
        turns = fitting_turns(prefix, infill.suffix, infill.path, snippets, limit_chars)
        tokens = await _chat_tokens(api, turns, "")
        if len(tokens) <= limit:
            return tokens
        if limit_chars <= 1:
            raise _too_long(len(tokens), limit)
        length_chars = sum(len(content) for _, content in turns)
        limit_chars = int(min(limit_chars, length_chars) * SHRINK)


class _Infill:
    """Builds fill-in-the-middle prompts for one model."""

    def __init__(self, api: LlamaCppApi, start: tuple[int, ...], fim: Fim) -> None:
        self._api = api
        self._start = start
        self._family = fim.family
        self._marks = fim.marks
        self._has_files = fim.has_files

    async def build(self, infill: InfillPrompt, continue_from: str, limit: int) -> list[int]:
        """Return the tokens of the prompt, at most `limit`."""
        texts = [cap_end(infill.prefix, limit), cap_start(infill.suffix, limit), continue_from]
        form = self._family.files
        if form is not None and self._has_files and infill.snippets:
            texts += [form.repository_text(), form.own_path(infill.path or DEFAULT_PATH)]
            texts += [
                form.file_text(each.path, cap_start(each.text, limit)) for each in infill.snippets
            ]
        prefix, suffix, continuation, *files = await self._tokenize(texts)
        parts = FimParts(
            start=self._start,
            repository=files[0] if files else (),
            path=files[1] if files else (),
            files=tuple(File(tokens) for tokens in files[2:]),
            prefix=prefix,
            suffix=suffix,
            continuation=continuation,
        )
        fitting = fit_fim(self._marks, parts, limit)
        if fitting is None:
            raise _too_long(len(continuation), limit)
        return assemble(self._marks, fitting)

    async def _tokenize(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """Tokenise several texts in one call, with a token between them that none contains."""
        boundary = self._marks.suffix
        content: list[int | str] = []
        for text in texts:
            content += [*inert(text, self._family.literals), boundary]
        parts = split_at(await self._api.tokenize(content[:-1], parse_special=False), boundary)
        if not self._family.blank_before_text:
            parts[1:3] = [await self._without_blank(text) for text in texts[1:3]]
        return parts

    async def _without_blank(self, text: str) -> tuple[int, ...]:
        """Tokenise a text that goes on where another ended."""
        lead = await self._api.tokenize(LEAD, parse_special=False)
        pieces = inert(LEAD + text, self._family.literals)
        tokens = await self._api.tokenize(pieces, parse_special=False)
        return tuple(tokens[len(lead) :])


def _too_long(tokens: int, limit: int) -> PromptTooLongError:
    return PromptTooLongError(
        f"the prompt has {tokens} tokens that can't be cut, and the model has room for {limit}",
        details={"tokens": tokens, "limit": limit},
    )

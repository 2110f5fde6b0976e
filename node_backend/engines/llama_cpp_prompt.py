"""From an order to the token ids of its prompt, for a model that llama.cpp runs."""

from collections.abc import Sequence
from dataclasses import dataclass

from node_backend.core.fim import (
    DEFAULT_PATH,
    FAMILIES,
    REPOSITORY_NAME,
    File,
    FimFamily,
    FimParts,
    FimTokens,
    assemble,
    inert,
    split_at,
)
from node_backend.core.window import cap_end, cap_start, fit_fim, keep_end, room, step_of
from node_backend.engines.base import ChatPrompt, InfillPrompt, Order, RawPrompt
from node_backend.engines.llama_cpp_api import LlamaCppApi
from node_backend.errors import EmptyPromptError, PromptTooLongError


@dataclass(frozen=True)
class ModelFacts:
    """What a loaded model says of itself."""

    context_tokens: int
    """Per slot; no more than the model was trained for."""
    start: tuple[int, ...]
    """What every prompt begins with (BOS), or nothing."""
    family: FimFamily | None
    marks: FimTokens | None
    suffix_first: bool = False


@dataclass(frozen=True)
class TokenPrompt:
    """A prompt that fits, and how much may be generated after it."""

    tokens: list[int]
    max_tokens: int


async def learn_facts(api: LlamaCppApi, *, suffix_first: bool = False) -> ModelFacts:
    """Ask a freshly loaded engine for the facts of its model.

    What it was trained with, `suffix_first`, it does not know itself.
    """
    props = await api.props()
    start = await api.tokenize("", parse_special=True, add_special=True)
    family, marks = await find_family(api)
    context_tokens: int = props["default_generation_settings"]["n_ctx"]
    return ModelFacts(context_tokens, tuple(start), family, marks, suffix_first)


async def find_family(api: LlamaCppApi) -> tuple[FimFamily | None, FimTokens | None]:
    """Return the first family whose markers are all single tokens of the model."""
    for family in FAMILIES:
        ids = await api.tokenize(family.required, parse_special=True)
        if len(ids) != len(family.required):
            continue
        prefix, suffix, middle = ids
        marks = FimTokens(family.name, prefix, suffix, middle, *(await _file_marks(api, family)))
        return family, marks
    return None, None


async def _file_marks(api: LlamaCppApi, family: FimFamily) -> tuple[int | None, int | None]:
    if family.repository is None or family.separator is None:
        return None, None
    ids = await api.tokenize((family.repository, family.separator), parse_special=True)
    return (ids[0], ids[1]) if len(ids) == 2 else (None, None)


async def build_prompt(api: LlamaCppApi, facts: ModelFacts, order: Order) -> TokenPrompt:
    """Turn an order into tokens that fit the context.

    Raises PromptTooLongError or EmptyPromptError.
    """
    available = room(facts.context_tokens, order.max_tokens)
    match order.prompt:
        case RawPrompt(text):
            tokens = await _raw(api, facts, text + order.continue_from, available.prompt_tokens)
        case ChatPrompt(turns):
            tokens = await _chat(api, turns, order.continue_from, available.prompt_tokens)
        case InfillPrompt() as infill if facts.family is not None and facts.marks is not None:
            builder = _Infill(api, facts, facts.family, facts.marks)
            tokens = await builder.build(infill, order.continue_from, available.prompt_tokens)
        case InfillPrompt(prefix=prefix):
            # Without marks for what follows, what stands before is all that can be continued.
            text = prefix + order.continue_from
            tokens = await _raw(api, facts, text, available.prompt_tokens, parse_special=False)
    if not tokens:
        raise EmptyPromptError("the prompt is empty")
    return TokenPrompt(tokens, min(order.max_tokens, facts.context_tokens - len(tokens)))


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
    text = await api.apply_template(turns) + continue_from
    tokens = await api.tokenize(text, parse_special=True, add_special=True)
    if len(tokens) > limit:
        raise _too_long(len(tokens), limit)
    return tokens


class _Infill:
    """Builds fill-in-the-middle prompts for one family."""

    def __init__(
        self, api: LlamaCppApi, facts: ModelFacts, family: FimFamily, marks: FimTokens
    ) -> None:
        self._api = api
        self._facts = facts
        self._marks = marks
        optional = (family.repository, family.separator)
        self._literals = [*family.required, *(marker for marker in optional if marker)]

    async def build(self, infill: InfillPrompt, continue_from: str, limit: int) -> list[int]:
        """Return the tokens of the prompt, at most `limit`."""
        texts = [cap_end(infill.prefix, limit), cap_start(infill.suffix, limit), continue_from]
        snippets = infill.snippets if self._marks.has_files else ()
        if snippets:
            texts += [f"{REPOSITORY_NAME}\n", f"{infill.path or DEFAULT_PATH}\n"]
        texts += [f"{each.path}\n{cap_start(each.text, limit)}" for each in snippets]
        prefix, suffix, continuation, *files = await self._tokenize(texts)
        parts = FimParts(
            start=self._facts.start,
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
        return assemble(self._marks, fitting, suffix_first=self._facts.suffix_first)

    async def _tokenize(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """Tokenise several texts in one call, with a token between them that none contains."""
        content: list[int | str] = []
        for text in texts:
            content += [*inert(text, self._literals), self._marks.suffix]
        tokens = await self._api.tokenize(content[:-1], parse_special=False)
        return split_at(tokens, self._marks.suffix)


def _too_long(tokens: int, limit: int) -> PromptTooLongError:
    return PromptTooLongError(
        f"the prompt has {tokens} tokens that can't be cut, and the model has room for {limit}",
        details={"tokens": tokens, "limit": limit},
    )

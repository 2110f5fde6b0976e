"""Fill-in-the-middle prompts as text, for engines that take no token ids.

Text is handled as code points, and markers as numbers beyond Unicode, so that order and fitting
are those of tokens. A marker that stands in the user's own text is broken by a blank: these
engines read it wherever it stands, and the user's text must not be able to say where it ends.
"""

from collections.abc import Sequence

from node_backend.core.fim import (
    DEFAULT_PATH,
    File,
    FimParts,
    FimTokens,
    assemble,
    inert,
)
from node_backend.core.fim_families import FimFamily, marks_from
from node_backend.core.window import CHARS_PER_TOKEN, cap_end, cap_start, fit_fim

BEYOND_UNICODE = 0x110000
CODE_CHARS_PER_TOKEN = 3  # fewer than most code has, so that what fits by characters fits

CHAT_CONTROLS = (
    *("<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>"),
    *("<|start_header_id|>", "<|end_header_id|>", "<|begin_of_text|>", "<|end|>", "<|user|>"),
    *("<|assistant|>", "<|system|>", "<start_of_turn>", "<end_of_turn>", "[INST]", "[/INST]"),
)
"""What separates the turns of a chat in the usual templates."""


def neutral(text: str, literals: Sequence[str]) -> str:
    """Return `text` with a blank in each of `literals` that it contains."""
    return " ".join(inert(text, literals))


def chars_within(tokens: int, text: str) -> int:
    """Return how many characters of text like this are surely no more than `tokens`.

    A character beyond ASCII may be a token of its own.
    """
    if not text:
        return tokens * CODE_CHARS_PER_TOKEN
    beyond = 1 - len(text.encode("ascii", "ignore")) / len(text)
    return int(tokens / (beyond + (1 - beyond) / CODE_CHARS_PER_TOKEN))


def text_prompt(
    family: FimFamily,
    texts: tuple[str, str, str],
    path: str | None,
    snippets: Sequence[tuple[str, str]],
    limit_chars: int,
    *,
    suffix_first: bool = False,
) -> str | None:
    """Return the prompt in the family's own form, at most `limit_chars` long.

    `texts` are prefix, suffix and what was already generated; `snippets` are (path, text). None:
    what was generated leaves no room.
    """
    written = family.written or family.required
    file_markers = family.files.markers if family.files else ()
    literals = dict(enumerate((*written, *file_markers), start=BEYOND_UNICODE))
    numbers = list(literals)
    marks = marks_from(
        family, numbers[: len(written)], numbers[len(written) :], suffix_first=suffix_first
    )
    prefix, suffix, continuation = texts
    parts = _parts(
        family,
        (*_capped(prefix, suffix, limit_chars), continuation),
        path or DEFAULT_PATH,
        snippets,
    )
    fitting = fit_fim(marks, parts, limit_chars)
    if fitting is None:
        return None
    return "".join(literals.get(each) or chr(each) for each in assemble(marks, fitting))


def fitted(prefix: str, suffix: str, limit_chars: int) -> tuple[str, str]:
    """Return the end of the prefix and the beginning of the suffix, `limit_chars` in all."""
    marks = FimTokens("plain", BEYOND_UNICODE, BEYOND_UNICODE + 1, None)
    before, after = _capped(prefix, suffix, limit_chars)
    parts = FimParts(prefix=_points(before), suffix=_points(after))
    fitting = fit_fim(marks, parts, max(limit_chars, 2))
    if fitting is None:
        return "", ""
    return "".join(map(chr, fitting.prefix)), "".join(map(chr, fitting.suffix))


def _capped(prefix: str, suffix: str, limit_chars: int) -> tuple[str, str]:
    """Return what could fit, twice over, so that the rest of a long file costs nothing."""
    limit_tokens = 2 * limit_chars // CHARS_PER_TOKEN
    return cap_end(prefix, limit_tokens), cap_start(suffix, limit_tokens)


def _parts(
    family: FimFamily,
    texts: tuple[str, str, str],
    path: str,
    snippets: Sequence[tuple[str, str]],
) -> FimParts:
    prefix, suffix, continuation = (_points(neutral(text, family.literals)) for text in texts)
    if not family.files or not snippets:
        return FimParts(prefix=prefix, suffix=suffix, continuation=continuation)
    form = family.files
    files = [neutral(form.file_text(*each), family.literals) for each in snippets]
    return FimParts(
        repository=_points(form.repository_text()),
        files=tuple(File(_points(text)) for text in files),
        path=_points(neutral(form.own_path(path), family.literals)),
        prefix=prefix,
        suffix=suffix,
        continuation=continuation,
    )


def _points(text: str) -> tuple[int, ...]:
    return tuple(map(ord, text))

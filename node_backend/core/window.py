"""Fits a prompt into the context: what is cut, and where.

What is cut moves in steps: a prefix that outgrows its room loses a whole step of its beginning at
once and then stays as it is for many keystrokes, so that the engine's KV cache keeps matching.
Cutting token by token would shift the whole prompt at every keystroke.
"""

from dataclasses import dataclass, replace

from node_backend.core.fim import File, FimParts, FimTokens, assemble

STEPS = 16  # a cut takes a sixteenth of the room: an eighth wastes context, a smaller one cache
SUFFIX_SHARE = 4  # a quarter: it is evaluated anew at every keystroke, since the prefix grows
PREFIX_SHARE = 2  # a half is the prefix's own; files from elsewhere may have the rest
CHARS_PER_TOKEN = 8  # more than any tokeniser gets out of code on average


@dataclass(frozen=True)
class Room:
    """Tokens of one slot: for the prompt, and for what is generated."""

    prompt_tokens: int
    max_tokens: int


def room(context_tokens: int, max_tokens: int) -> Room:
    """Divide a context; what is generated gets at most half of it."""
    reserved = min(max_tokens, context_tokens // 2)
    return Room(prompt_tokens=context_tokens - reserved, max_tokens=reserved)


def step_of(limit: int) -> int:
    """Return the size of a step where `limit` is all the room there is."""
    return max(1, limit // STEPS)


def keep_end(tokens: tuple[int, ...], limit: int, step: int) -> tuple[int, ...]:
    """Return the end of `tokens`, at most `limit` of them, cut at a multiple of `step`."""
    return tokens[cut_start(len(tokens), limit, step) :]


def keep_start(tokens: tuple[int, ...], limit: int, step: int) -> tuple[int, ...]:
    """Return the beginning of `tokens`, at most `limit`, in whole steps where it must be cut.

    Where the suffix comes first, a single token more or less of it would shift all the rest.
    """
    return tokens if len(tokens) <= limit else tokens[: limit // step * step]


def cut_start(length: int, limit: int, step: int) -> int:
    """Return where to begin so that at most `limit` of `length` remain, in whole steps."""
    excess = max(0, length - limit)
    return min(length, -(-excess // step) * step)


def cap_end(text: str, limit_tokens: int) -> str:
    """Return the end of a text, long enough for `limit_tokens`, so that the rest costs nothing."""
    limit = limit_tokens * CHARS_PER_TOKEN
    return text[cut_start(len(text), limit, step_of(limit)) :]


def cap_start(text: str, limit_tokens: int) -> str:
    """Return the beginning of a text, long enough for `limit_tokens`."""
    return text[: limit_tokens * CHARS_PER_TOKEN]


def fit_fim(marks: FimTokens, parts: FimParts, limit: int) -> FimParts | None:
    """Shorten the parts of a fill-in-the-middle prompt to at most `limit` tokens in all.

    The prefix keeps its end, the suffix its beginning; the first file that does not fit is cut
    to its beginning, and those after it are left out.
    None: even without all these it does not fit.
    """
    bare = replace(parts, files=(), prefix=(), suffix=())
    free = limit - len(assemble(marks, bare))
    if free < 0:
        return None
    own = min(len(parts.prefix), free // PREFIX_SHARE) + min(
        len(parts.suffix), free // SUFFIX_SHARE
    )
    step = step_of(limit)
    files = _files_within(marks, bare, parts.files, limit - own, step)
    with_files = replace(bare, files=files)
    free = limit - len(assemble(marks, with_files))
    prefix_room = free - min(len(parts.suffix), free // SUFFIX_SHARE)
    prefix = keep_end(parts.prefix, prefix_room, step)
    suffix = keep_start(parts.suffix, free - len(prefix), step)
    return replace(with_files, prefix=prefix, suffix=suffix)


def _files_within(
    marks: FimTokens, bare: FimParts, files: tuple[File, ...], limit: int, step: int
) -> tuple[File, ...]:
    """Return the first files, as far as they fit; the last of them may be cut short."""
    kept: list[File] = []
    for file in files:
        without = len(assemble(marks, replace(bare, files=(*kept, File(())))))
        free = limit - without  # below 0: not even its markers fit
        if len(file.tokens) > free:
            rest = keep_start(file.tokens, max(0, free), step)
            return (*kept, File(rest)) if rest else tuple(kept)
        kept.append(file)
    return tuple(kept)

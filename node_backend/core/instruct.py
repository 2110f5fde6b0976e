"""Asks a chat model, which knows no fill-in-the-middle, for the code at a place."""

from collections.abc import Sequence

from node_backend.core.fim_text import fitted

Turn = tuple[str, str]

CURSOR = "<CURSOR>"

RULES = (
    "You complete code in an editor. You are shown a file in which {mark} stands where the user "
    "types. Answer with the code that belongs in its place, and with nothing else: no explanation, "
    "no Markdown, nothing that stands before or after {mark} already. Keep the file's style and "
    "indentation. The shortest code that is complete is best."
)


def instruct_turns(
    prefix: str, suffix: str, path: str | None = None, snippets: Sequence[tuple[str, str]] = ()
) -> tuple[Turn, ...]:
    """Return the turns of a chat that asks for what stands between `prefix` and `suffix`.

    `snippets` are (path, text) from other files.
    """
    mark = _mark_for(prefix + suffix)
    others = [f"From {name}:\n\n{text}\n\n" for name, text in snippets]
    where = f"The file {path}:\n\n" if path else "The file:\n\n"
    return (
        ("system", RULES.format(mark=mark)),
        ("user", f"{''.join(others)}{where}{prefix}{mark}{suffix}"),
    )


def fitting_turns(
    prefix: str,
    suffix: str,
    path: str | None,
    snippets: Sequence[tuple[str, str]],
    limit_chars: int,
) -> tuple[Turn, ...]:
    """Return `instruct_turns` with at most `limit_chars` of the user's text.

    The text around the cursor comes first; then the first snippets that fit in whole.
    """
    before, after = fitted(prefix, suffix, limit_chars)
    free_chars = limit_chars - len(before) - len(after)
    kept: list[tuple[str, str]] = []
    for name, text in snippets:
        free_chars -= len(name) + len(text)
        if free_chars < 0:
            break
        kept.append((name, text))
    return instruct_turns(before, after, path, kept)


def _mark_for(text: str) -> str:
    """Return a mark that the text does not contain itself."""
    mark, number = CURSOR, 1
    while mark in text:
        number += 1
        mark = f"<CURSOR{number}>"
    return mark

"""Models repeat what stands before the cursor before they go on from there."""

from cerebrum_lsp.core.document import Snapshot

MAX_LINES = 6
ALNUM_FOR_LINE = 2
CHARS_WITHOUT_INDENT = 8


def drop_prefix_echo(text: str, snapshot: Snapshot) -> str:
    """Cut the beginning of `text` that repeats the last lines before the cursor."""
    for echo in _echoes(snapshot):
        if text.startswith(echo):
            return text[len(echo) :]
        # The last of the text needs no line end to be a repeated line.
        if echo.endswith("\n") and text.rstrip() == echo.rstrip():
            return ""
    return _without_bare_echo(text, snapshot.line_before)


def hold_prefix_echo(text: str, snapshot: Snapshot) -> str:
    """Hold back a growing text that may become such a repetition."""
    is_begun = any(echo.startswith(text) for echo in _echoes(snapshot)) and text.strip()
    bare = snapshot.line_before.strip()
    is_bare = _is_telling(bare) and bare.startswith(text.lstrip())
    return "" if is_begun or is_bare else text


def _echoes(snapshot: Snapshot) -> list[str]:
    """Return what would be a repetition, longest first.

    On a fresh line that is whole lines with their line ends, from the margin on or from the
    cursor's column on; within a line, what is already written of it.
    """
    before = snapshot.line_before
    is_fresh = not before.strip()
    window = snapshot.prefix[-4000:]
    body = window[: len(window) - len(before)] if is_fresh else window
    lines = body.split("\n")[-MAX_LINES - is_fresh :]
    if is_fresh and len(lines) > 1 and not lines[-2].strip():
        return []
    echoes = []
    for first in range(len(lines) - is_fresh):
        echo = "\n".join(lines[first:])
        if not _counts(echo, is_fresh=is_fresh):
            continue
        echoes.append(echo)
        if is_fresh and before and echo.startswith(before):
            echoes.append(echo[len(before) :] + before)
            echoes.append(echo[len(before) :])
    return echoes


def _counts(echo: str, *, is_fresh: bool) -> bool:
    """Whether a repetition of `echo` is none by chance.

    Of a line being written, any indentation is proof enough: nothing goes on with it.
    """
    alnum = sum(map(str.isalnum, echo))
    if not is_fresh and echo[:1].isspace():
        return alnum > 0
    return alnum >= ALNUM_FOR_LINE and (is_fresh or echo[-1:].isalnum() or _is_telling(echo))


def _without_bare_echo(text: str, line_before: str) -> str:
    """Cut a repetition of the line being written that leaves out its indentation."""
    bare, stripped = line_before.strip(), text.lstrip(" \t")
    if _is_telling(bare) and stripped.startswith(bare):
        return stripped[len(bare) :]
    return text


def _is_telling(written: str) -> bool:
    """Whether a line is more than one word or call, which might well be nested in itself."""
    return len(written) >= CHARS_WITHOUT_INDENT and " " in written

"""Models write on into what already stands after the cursor."""

from collections.abc import Sequence

from cerebrum_lsp.core.document import Snapshot
from cerebrum_lsp.core.filters.brackets import CLOSERS, scan, surplus_closers, surroundings
from cerebrum_lsp.core.filters.code_style import style_of

LINES_AHEAD = 60
"""How many lines after the cursor are compared; models seldom write more."""
SUFFIX_CHARS = 6000
REST_CHARS = 400
"""How much after the cursor a growing text is compared with."""
TELLING_ALNUM = 10
"""Letters and digits by which a line is known though its indentation differs."""


def trim_suffix_overlap(text: str, snapshot: Snapshot) -> str:
    """Cut `text` where it begins to repeat what follows the cursor.

    That is the whole rest of the cursor's line, then whole lines; the last may be cut short. What
    is too little to tell from chance stays: brackets that `text` itself opened, two letters.
    """
    if snapshot.line_after.strip():
        text = _without_rest_of_line(text, snapshot)
    return _without_repeated_lines(text, snapshot)


def hold_suffix_overlap(text: str, snapshot: Snapshot) -> str:
    """Hold back the end of a growing text that agrees with what follows the cursor so far."""
    ahead = snapshot.suffix[:REST_CHARS].lstrip() if snapshot.line_after.strip() else ""
    for length in range(min(len(text), len(ahead)), 0, -1):
        if text.endswith(ahead[:length]):
            return text[:-length]
    lines = snapshot.suffix[:SUFFIX_CHARS].split("\n")[1:LINES_AHEAD]
    written = _visible((snapshot.line_before + text).split("\n"))
    next_line = next(iter(_visible(lines)), "")
    is_begun = len(written) == 1 and next_line.startswith(written[0])
    return "" if is_begun and not snapshot.line_before.strip() else text


# ---- the rest of the cursor's line


def _without_rest_of_line(text: str, snapshot: Snapshot) -> str:
    """Cut `text` where it writes the rest of the line; rather where the next lines agree too."""
    rest = snapshot.line_after.rstrip()
    for key in dict.fromkeys((rest, rest.strip())):
        found = _line_ends(text, key)
        for begin in found:
            if _goes_on_as_suffix(text, begin, key, snapshot):
                return text[:begin]
        for begin in found:
            if "\n" not in text[:begin] and _ends_line(text, begin, key, snapshot):
                return text[:begin]
    return text


def _line_ends(text: str, key: str) -> list[int]:
    """Return where `key` stands at the end of a line of `text`."""
    found, begin = [], text.find(key)
    while begin >= 0:
        if not text[begin + len(key) :].split("\n", 1)[0].strip():
            found.append(begin)
        begin = text.find(key, begin + 1)
    return found


def _goes_on_as_suffix(text: str, begin: int, key: str, snapshot: Snapshot) -> bool:
    """Whether all from `begin` on is what follows the cursor, and not by chance."""
    following = _visible(snapshot.suffix[:SUFFIX_CHARS].split("\n")[1:LINES_AHEAD])
    written = _visible(text[begin + len(key) :].split("\n"))
    if not _agree(written, following) or (written and not following):
        return False
    if any(map(str.isalnum, "".join(written))):
        return True
    if _is_punctuation(key):
        return _closes_surroundings(text, begin, key, snapshot)
    is_glued = text[begin - 1 : begin].isalnum() and text[begin].isalnum()
    return len(key.strip()) > 2 or not is_glued


def _ends_line(text: str, begin: int, key: str, snapshot: Snapshot) -> bool:
    """Whether `text` has, in its first line, come to the end of the cursor's, and then strays.

    It hasn't if its own end is one that the rest of the line would complete.
    """
    if _closes_surroundings(text, begin, key, snapshot):
        return not _is_punctuation(key)
    last = text.rstrip().rpartition("\n")[2]
    left = scan(last, style_of(snapshot))
    is_whole = last[-1:].isalnum() or last[-1:] in tuple(")]};:")
    is_open = left.opened or left.pending or not is_whole
    is_glued = last[-1:].isalnum() and key[:1].isalnum()
    return not is_open and not is_glued and any(map(str.isalnum, key))


def _is_punctuation(key: str) -> bool:
    """Whether the rest of a line is only what closes something."""
    return set(key.strip()) <= CLOSERS | set(" ;,:")


def _closes_surroundings(text: str, begin: int, key: str, snapshot: Snapshot) -> bool:
    """Whether `key` at `begin` closes what was open before the cursor, or ends a statement."""
    if not CLOSERS.intersection(key):
        quote = surroundings(snapshot).pending
        return key.strip() in {";", ",", ":"} or (len(quote) == 1 and quote in key)
    end = begin + len(key)
    quote = surroundings(snapshot).pending
    if len(quote) == 1 and key.lstrip().startswith(quote) and quote not in text[:begin]:
        return True
    return any(begin <= at < end for at, _ in surplus_closers(text, snapshot))


# ---- whole lines


def _without_repeated_lines(text: str, snapshot: Snapshot) -> str:
    """Cut the lines that are the first ones with something on them after the cursor."""
    before, after = snapshot.line_before, snapshot.line_after
    is_fresh = not before.strip()
    lines = text.split("\n")
    whole = [before + lines[0], *lines[1:]]
    following = _visible(snapshot.suffix[:SUFFIX_CHARS].split("\n")[1:LINES_AHEAD])
    if after.strip():
        if (
            is_fresh
            and len(lines) == 1
            and [(whole[0] + after).strip()] == _stripped(following[:1])
        ):
            return ""
        if not is_fresh and not after.startswith("  "):
            return text
        following.insert(0, after.rstrip() if after.startswith("  ") else before + after.rstrip())
    for row in range(0 if is_fresh else 1, len(lines)):
        written = _visible(whole[row:])
        # A text that is nothing but the beginning of the next line may be meant as it is.
        is_part = row == 0 and len(written) == 1 and written != following[:1]
        if not is_part and _repeats(written, following):
            return "\n".join(lines[:row]) + "\n" * (row > 0)
    return text


def _repeats(written: Sequence[str], following: Sequence[str]) -> bool:
    """Whether the lines written are those that follow, and not by chance.

    Lines of brackets alone may be meant, since blocks end alike; `cut_block_overrun` counts them.
    """
    if not written or not following or not any(map(str.isalnum, "".join(written))):
        return False
    if _agree(written, following):
        return True
    is_telling = sum(map(str.isalnum, written[0])) >= TELLING_ALNUM
    is_whole = written[0].strip() == following[0].strip()
    return is_telling and is_whole and _agree(_stripped(written), _stripped(following))


def _visible(lines: Sequence[str]) -> list[str]:
    return [line.rstrip() for line in lines if line.strip()]


def _stripped(lines: Sequence[str]) -> list[str]:
    return [line.strip() for line in lines]


def _agree(written: Sequence[str], following: Sequence[str]) -> bool:
    """Whether one of two lists of lines is the other's beginning; `written` may end mid-line."""
    if not written or not following:
        return True
    count = min(len(written), len(following))
    if list(written[: count - 1]) != list(following[: count - 1]):
        return False
    last, other = written[count - 1], following[count - 1]
    return last == other or (count == len(written) and other.startswith(last))

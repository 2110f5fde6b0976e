"""Small models run into loops: the same lines over and over, or the same but for a number."""

import re
from collections.abc import Sequence
from itertools import pairwise

from cerebrum_lsp.core.document import Snapshot

LONGEST_BLOCK = 12
"""Lines of the longest block that is looked for; loops have fewer."""
ROUNDS = 3
"""Two equal blocks occur in good code, three in a row hardly do."""
LEAST_VISIBLE_CHARS = 6
"""A shorter block is punctuation: closing brackets, rows of a table."""
LONGEST_COUNTING_BLOCK = 6
COUNTING_ROUNDS = 12
"""Lists that count up are also written on purpose, though seldom by a completion this long."""

NUMBER = re.compile(r"\d+")


def cut_repetition(text: str, snapshot: Snapshot) -> str:
    """Cut `text` after the first round of a loop, and before the twelfth of one that counts.

    Whatever comes after a loop is cut with it: a model doesn't find its way back.
    """
    if text.count("\n") < 1:
        return text
    lines = text.split("\n")
    whole = [line.rstrip() for line in (snapshot.line_before + text).split("\n")]
    kept = _rounds_of_counting(whole) or len(lines)
    while (end := _end_of_first_round(whole[:kept])) is not None:
        kept = end
    kept = _without_doubled_end(whole, kept)
    return text if kept == len(lines) else "\n".join(lines[:kept])


def hold_repetition(text: str, snapshot: Snapshot) -> str:
    """Hold back the end of a growing text that may become a loop: blocks that came just before."""
    lines = text.split("\n")
    whole = [line.rstrip() for line in (snapshot.line_before + text.rstrip()).split("\n")]
    count = len(whole)
    for first in range(1, count):
        for length in range(1, min(first, LONGEST_BLOCK) + 1):
            again = whole[first:] == whole[first - length : count - length]
            if again and any(map(str.isalnum, "".join(whole[first:]))):
                return "\n".join(lines[:first])
    return text


def _end_of_first_round(lines: Sequence[str]) -> int | None:
    """Return the number of lines up to where a loop begins its second round; None without one."""
    count = len(lines)
    for start in range(count):
        for length in range(1, min(LONGEST_BLOCK, (count - start) // ROUNDS) + 1):
            if lines[start] == lines[start + length] and _repeats(lines, start, length):
                return start + length
    return None


def _repeats(lines: Sequence[str], start: int, length: int) -> bool:
    end = start + ROUNDS * length
    shifted = lines[start + length : end] == lines[start : end - length]
    return shifted and _is_visible(lines[start : start + length])


def _is_visible(block: Sequence[str]) -> bool:
    return sum(len(line.strip()) for line in block) >= LEAST_VISIBLE_CHARS


def _rounds_of_counting(lines: Sequence[str]) -> int | None:
    """Return the number of lines before the last round allowed to a loop that counts up."""
    if len(lines) < COUNTING_ROUNDS:
        return None
    masked = [NUMBER.sub("0", line) for line in lines]
    for start in range(len(lines) - COUNTING_ROUNDS + 1):
        for length in range(1, LONGEST_COUNTING_BLOCK + 1):
            end = start + COUNTING_ROUNDS * length
            if end <= len(lines) and masked[start] == masked[start + length]:
                same = masked[start + length : end] == masked[start : end - length]
                if same and _counts_up(lines[start:end], length):
                    return end - length
    return None


def _counts_up(lines: Sequence[str], length: int) -> bool:
    """Whether numbers in lines of words grow by the same step from block to block."""
    if not any(character.isalpha() for line in lines[:length] for character in line):
        return False
    blocks = [" ".join(lines[at : at + length]) for at in range(0, len(lines), length)]
    numbers = [[int(digits[:15]) for digits in NUMBER.findall(block)] for block in blocks]
    steps = [[b - a for a, b in zip(*pair, strict=True)] for pair in pairwise(numbers)]
    return any(steps[0]) and all(step == steps[0] for step in steps)


def _without_doubled_end(lines: Sequence[str], kept: int) -> int:
    """Return `kept` without the last line, if it repeats the one before it word for word.

    Inside of a text, two equal lines may be meant; at its end, a model has begun to loop.
    """
    last = kept
    while last and not lines[last - 1]:
        last -= 1
    if last < 2 or lines[last - 1] != lines[last - 2] or not _is_visible(lines[last - 1 : last]):
        return kept
    return last - 1 if any(map(str.isalpha, lines[last - 1])) else kept

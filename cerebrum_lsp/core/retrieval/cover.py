"""The lines that hold the most of what the next line is expected to hold, for their length.

What lines are worth together is the chance that an expected word stands in one of them at least,
summed over the words. That is submodular, so taking the line that adds most for its characters,
again and again, comes close to the best choice (Lin and Bilmes, 2011, for summaries). What a line
adds only falls as others are taken, so each is weighed again only when it comes up (Minoux, 1978).
"""

from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heapreplace
from math import fsum

from cerebrum_lsp.core.retrieval.selection import Selection
from cerebrum_lsp.core.retrieval.situation import WORD

LEAST_PROBABILITY = 0.002
"""Words that are less likely are not worth the time of weighing them."""

Probability = Callable[[str], float]
Lines = tuple[str, Iterable[int]]
"""A path, and 1-based lines of it."""


def cover(
    selection: Selection,
    offered: Iterable[Lines],
    probability: Probability,
    shown: Iterable[str],
    least_per_char: float,
) -> None:
    """Choose lines until the next one adds less than `least_per_char`; `shown` words add nothing.

    `least_per_char` is in expected words of the next line for a character of the budget.
    """
    covered = {*shown, *_words_of_chosen(selection)}
    worth_of: dict[str, float] = {}

    def useful(line: str) -> set[str]:
        words = set(WORD.findall(line)) - covered
        for word in words - worth_of.keys():
            worth_of[word] = probability(word)
        dull = {word for word in words if worth_of[word] < LEAST_PROBABILITY}
        covered.update(dull)
        return words - dull

    words, cost = _weigh(selection, offered, useful)

    def worth(line: tuple[str, int]) -> float:
        words[line] -= covered
        return fsum([worth_of[word] for word in words[line]]) / cost[line]

    heap = [(-worth_now, line) for line in words if (worth_now := worth(line)) >= least_per_char]
    heapify(heap)
    while heap:
        before, line = heap[0]
        now = worth(line)
        if now < least_per_char or cost[line] > selection.left_chars:
            heappop(heap)
        elif now < -before:
            heapreplace(heap, (-now, line))
        else:
            heappop(heap)
            selection.add(line[0], (line[1],))
            covered |= words[line]


def _words_of_chosen(selection: Selection) -> Iterable[str]:
    for path, numbers in selection.chosen.items():
        lines = selection.lines_of(path)
        yield from WORD.findall("\n".join([lines[number - 1] for number in numbers]))


def _weigh(
    selection: Selection, offered: Iterable[Lines], useful: Callable[[str], set[str]]
) -> tuple[dict[tuple[str, int], set[str]], dict[tuple[str, int], int]]:
    """Return the useful words of lines that are not chosen yet, and what each line costs."""
    words: dict[tuple[str, int], set[str]] = {}
    cost: dict[tuple[str, int], int] = {}
    for path, numbers in offered:
        lines, chosen = selection.lines_of(path), selection.chosen[path]
        for number in numbers:
            line = (path, number)
            if number > len(lines) or number in chosen or line in cost:
                continue
            cost[line] = len(lines[number - 1]) + 1
            if found := useful(lines[number - 1]):
                words[line] = found
    return words, cost

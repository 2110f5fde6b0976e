"""What happens to generated text before it is shown, in order, in one list."""

from collections.abc import Callable
from dataclasses import dataclass

from cerebrum_lsp.core.document import Snapshot
from cerebrum_lsp.core.filters.covers import covered_chars
from cerebrum_lsp.core.filters.cut_block_overrun import cut_block_overrun
from cerebrum_lsp.core.filters.cut_next_definition import (
    cut_next_definition,
    hold_next_definition,
)
from cerebrum_lsp.core.filters.cut_repetition import cut_repetition, hold_repetition
from cerebrum_lsp.core.filters.cut_special_tokens import cut_special_tokens, hold_special_tokens
from cerebrum_lsp.core.filters.drop_blank import drop_blank
from cerebrum_lsp.core.filters.drop_half_line import drop_half_line
from cerebrum_lsp.core.filters.drop_prefix_echo import drop_prefix_echo, hold_prefix_echo
from cerebrum_lsp.core.filters.fix_first_indent import fix_first_indent
from cerebrum_lsp.core.filters.hold_unfinished_line import hold_unfinished_line
from cerebrum_lsp.core.filters.trim_end import trim_end
from cerebrum_lsp.core.filters.trim_suffix_overlap import hold_suffix_overlap, trim_suffix_overlap
from cerebrum_lsp.core.filters.unwrap_chat import hold_chat, unwrap_chat
from cerebrum_lsp.core.filters.unwrap_fence import hold_fence, unwrap_fence

Filter = Callable[[str, Snapshot], str]

PIPELINE: tuple[Filter, ...] = (
    # What the model says around the code, from the outside in: after an end token anything may
    # stand, talk surrounds fences, and only what they contain can repeat the prefix.
    cut_special_tokens,
    unwrap_chat,
    unwrap_fence,
    drop_prefix_echo,
    fix_first_indent,
    # Where the code should have ended. Loops go first, since they are long; the next definition
    # comes after the whole suffix, if the model wrote that too, and hides its repetition.
    cut_repetition,
    cut_next_definition,
    trim_suffix_overlap,
    # Brackets are counted when nothing is left that the document repeats.
    cut_block_overrun,
    trim_end,
    drop_blank,
)

# A text that its limit cut: no other filter can tell its last line from one that was meant.
CUT_PIPELINE: tuple[Filter, ...] = (*PIPELINE[:-2], drop_half_line, *PIPELINE[-2:])

# A text that still grows. Each filter whose judgement may change with what comes is preceded by
# one that holds back what can't be judged yet, so that what has been shown stays.
GROWING_PIPELINE: tuple[Filter, ...] = (
    hold_special_tokens,
    cut_special_tokens,
    hold_chat,
    unwrap_chat,
    hold_fence,
    unwrap_fence,
    hold_prefix_echo,
    drop_prefix_echo,
    fix_first_indent,
    hold_unfinished_line,
    cut_repetition,
    hold_repetition,
    cut_next_definition,
    hold_next_definition,
    trim_suffix_overlap,
    hold_suffix_overlap,
    cut_block_overrun,
    trim_end,
    drop_blank,
)


@dataclass(frozen=True)
class Filtered:
    """The text that is left, and the name of the filter that left nothing of it.

    `covers` is the number of characters after the cursor that the text contains itself, and that
    an editor therefore replaces by it.
    """

    text: str
    dropped_by: str | None = None
    covers: int = 0


def apply_filters(
    text: str, snapshot: Snapshot, is_complete: bool = True, is_cut: bool = False
) -> Filtered:
    """Pass `text` through the pipeline until its end, or until nothing is left.

    A text that isn't complete yet is shortened by what can't be judged so far; as it grows, what
    is left of it grows too. `is_cut` says that a complete text ended at its limit or deadline.
    """
    if not text:
        return Filtered("")
    whole = CUT_PIPELINE if is_cut else PIPELINE
    for each in whole if is_complete else GROWING_PIPELINE:
        text = each(text, snapshot)
        if not text:
            return Filtered("", dropped_by=each.__name__.replace("_", "-"))
    return Filtered(text, covers=covered_chars(text, snapshot))

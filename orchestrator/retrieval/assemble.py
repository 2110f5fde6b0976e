"""The prompt of an instruction: what is to be done first, then the code. Pure.

A base model completes text, so the text says the task before the code and ends where the answer
begins (the format of the seeds' performance notes, "Instruction-first assembly").
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

MIN_FENCE = 3


@dataclass(frozen=True)
class Assembled:
    """A prompt, and the text at which the answer to it is complete."""

    prompt: str
    stop: str


@dataclass(frozen=True)
class Listing:
    """Code to be shown in one fence, with the name of its language."""

    code: str
    language: str | None = None


def assemble_instruction(instruction: str, code: str, language: str | None = None) -> Assembled:
    """Put `instruction` before `code`; the fences outgrow any that the code contains."""
    return assemble_listings(instruction, [Listing(code, language)])


def assemble_listings(instruction: str, listings: Sequence[Listing]) -> Assembled:
    """Put `instruction` before the listings; the answer is expected in the first one's language."""
    longest = max((_longest_run_of_backticks(each.code) for each in listings), default=0)
    fence = "`" * max(MIN_FENCE, longest + 1)
    shown = [each for each in listings if each.code.strip()]
    one_line = " ".join(instruction.split())
    parts = [f"# INSTRUCTION: {one_line}\n"]
    if shown:
        parts.append("Here is the code:")
    for each in shown:
        parts.append(f"{fence}{_info_string(each.language)}\n{each.code.rstrip()}\n{fence}\n")
    answer = next((each.language for each in [*shown, *listings]), None)
    opening = fence + _info_string(answer)
    parts.append(f"{'Refactored code' if shown else 'Code'}:\n{opening}\n")
    return Assembled("\n".join(parts), stop="\n" + fence)


def _longest_run_of_backticks(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


def _info_string(language: str | None) -> str:
    return re.sub(r"[^\w+#.-]", "", language or "")

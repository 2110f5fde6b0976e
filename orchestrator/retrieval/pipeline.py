"""From what a caller sends to the prompt that a model gets (O3). Pure.

    prompt ─extract→ instruction and code ─read→ documents ─select→ excerpts ─assemble→ prompt

A prompt stays as it is, and the result says why, when it is short, asks for nothing, has no code,
is in a model's own template, or would hardly get shorter.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from orchestrator.retrieval.assemble import (
    Assembled,
    Listing,
    assemble_instruction,
    assemble_listings,
)
from orchestrator.retrieval.chunks import ChunkSize
from orchestrator.retrieval.document import language_named, read
from orchestrator.retrieval.excerpt import Excerpt
from orchestrator.retrieval.guess import guess_language
from orchestrator.retrieval.instruction import Asked, Source, extract, is_template
from orchestrator.retrieval.select import Budget, Selection, select

FENCE_NAMES = {"shellscript": "bash", "typescriptreact": "tsx"}

Unchanged = Literal["short", "no-instruction", "no-code", "template", "saves-little"]


@dataclass(frozen=True)
class Limits:
    """When a prompt is shortened, and to what.

    Assembling costs a little clarity: below `min_chars`, or for less than `min_saving` of the
    text (a share), that isn't worth it. A text over `budget.chars` is shortened in any case.
    """

    min_chars: int = 1500
    min_saving: float = 0.10
    size: ChunkSize = field(default_factory=ChunkSize)
    budget: Budget = field(default_factory=Budget)


DEFAULT = Limits()
Stop = Callable[[], bool]


@dataclass(frozen=True)
class Report:
    """Characters before and after, chunks found, different ones, and those taken."""

    chars_in: int
    chars_out: int
    chunks: int = 0
    unique: int = 0
    selected: int = 0


@dataclass(frozen=True)
class Shortened:
    """The excerpts of some code that an instruction needs."""

    excerpts: tuple[Excerpt, ...]
    report: Report


@dataclass(frozen=True)
class Kept:
    """Code or a prompt that stays as it is, and why."""

    reason: Unchanged
    report: Report


@dataclass(frozen=True)
class Prepared:
    """A prompt for a model; `stop` ends its answer, None where the caller's own text is sent.

    `unchanged` is the reason for which nothing was left out, None when something was.
    """

    prompt: str
    stop: str | None
    report: Report
    unchanged: Unchanged | None = None


def prepare_prompt(
    prompt: str, language: str | None = None, limits: Limits = DEFAULT, stop: Stop | None = None
) -> Prepared:
    """Shorten a raw prompt to its instruction and the code that this needs."""
    asked = _worth_it(prompt, limits)
    if not isinstance(asked, Asked):
        return Prepared(prompt, None, Report(len(prompt), len(prompt)), asked)
    result = shorten(asked.instruction, asked.sources, language, limits, stop)
    if isinstance(result, Kept):
        return Prepared(prompt, None, _measured(result.report, prompt, prompt), result.reason)
    assembled = _assembled(asked.instruction, result.excerpts, asked.sources, language)
    if len(prompt) <= limits.budget.chars and _saves_little(prompt, assembled.prompt, limits):
        return Prepared(prompt, None, _measured(result.report, prompt, prompt), "saves-little")
    report = _measured(result.report, prompt, assembled.prompt)
    return Prepared(assembled.prompt, assembled.stop, report)


def prepare_instruct(
    instruction: str,
    code: str,
    language: str | None = None,
    limits: Limits = DEFAULT,
    stop: Stop | None = None,
) -> Prepared:
    """Return the prompt of `instruction` on `code`; `language` may also be the code's path."""
    sources = (Source(code, language),)
    result = shorten(instruction, sources, language, limits, stop)
    unchanged = result.reason if isinstance(result, Kept) else None
    if isinstance(result, Kept):
        assembled = assemble_instruction(instruction, code, _info_string(sources[0], language))
    else:
        assembled = _assembled(instruction, result.excerpts, sources, language)
    report = _measured(result.report, instruction + code, assembled.prompt)
    return Prepared(assembled.prompt, assembled.stop, report, unchanged)


def shorten(
    instruction: str,
    sources: Sequence[Source],
    language: str | None = None,
    limits: Limits = DEFAULT,
    stop: Stop | None = None,
) -> Shortened | Kept:
    """Select what `instruction` needs of `sources`; the report counts characters of code.

    `stop` is asked while parsing, which may take long on text that is no code: once it says so,
    what is left is cut into blocks instead.
    """
    chars = sum(len(source.text) for source in sources)
    unchanged = _reason_before(instruction, chars, limits)
    if unchanged is not None:
        return Kept(unchanged, Report(chars, chars))
    documents = [read(source.text, _language_of(source, language), stop) for source in sources]
    anchors = [source.anchor_line for source in sources]
    selection = select(documents, instruction, anchors, limits.size, limits.budget)
    chars_out = sum(len(excerpt.render()) for excerpt in selection.excerpts)
    if chars <= limits.budget.chars and chars_out > (1 - limits.min_saving) * chars:
        return Kept("saves-little", _report(selection, chars, chars))
    return Shortened(selection.excerpts, _report(selection, chars, chars_out))


def _worth_it(prompt: str, limits: Limits) -> Asked | Unchanged:
    if len(prompt) < limits.min_chars and len(prompt) <= limits.budget.chars:
        return "short"
    if is_template(prompt):
        return "template"
    return extract(prompt) or "no-instruction"


def _reason_before(instruction: str, chars: int, limits: Limits) -> Unchanged | None:
    if not instruction.strip():
        return "no-instruction"
    if chars == 0:
        return "no-code"
    return "short" if chars < limits.min_chars and chars <= limits.budget.chars else None


def _saves_little(before: str, after: str, limits: Limits) -> bool:
    return len(after) > (1 - limits.min_saving) * len(before)


def _language_of(source: Source, language: str | None) -> str | None:
    return source.language or language or guess_language(source.text)


def _info_string(source: Source, language: str | None) -> str | None:
    """Return the word that names the language at a fence; an unknown name is passed on."""
    given = _language_of(source, language)
    known = language_named(given)
    return FENCE_NAMES.get(known, known) if known else given


def _assembled(
    instruction: str,
    excerpts: Sequence[Excerpt],
    sources: Sequence[Source],
    language: str | None,
) -> Assembled:
    listings = [
        Listing(excerpt.render(), _info_string(source, language))
        for excerpt, source in zip(excerpts, sources, strict=True)
    ]
    return assemble_listings(instruction, listings)


def _report(selection: Selection, chars_in: int, chars_out: int) -> Report:
    return Report(chars_in, chars_out, selection.chunks, selection.unique, selection.selected)


def _measured(report: Report, before: str, after: str) -> Report:
    return replace(report, chars_in=len(before), chars_out=len(after))

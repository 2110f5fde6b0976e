"""What goes into the rewrite and what comes out of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Callees(Enum):
    """How far the functions that are called are trusted to become async too."""

    KNOWN = "known"
    """Only what is async already, or is rewritten in the same step, is awaited."""
    CONVERTIBLE = "convertible"
    """A whole library is being converted: what does input or output will be async as well."""


@dataclass(frozen=True)
class Facts:
    """What the workspace knows beyond the file; names are dotted (`package.Class.method`)."""

    module: str = ""
    """The file's own dotted name, to resolve relative imports; empty where it isn't known."""
    async_functions: frozenset[str] = frozenset()
    """Functions and methods that are defined with `async def`."""
    async_twins: Mapping[str, str] = field(default_factory=dict)
    """Sync class → its async twin (`package.Client` → `package.AsyncClient`)."""
    libraries: frozenset[str] = frozenset()
    """Optional libraries that the workspace already uses, such as `aiofiles`."""


@dataclass(frozen=True)
class Request:
    """What is asked for: the function at a one-based line, and how far the rewrite may go."""

    line: int
    callees: Callees = Callees.KNOWN
    callers: bool = False
    """Whether callers within the file become async too and await it."""


@dataclass(frozen=True)
class Note:
    """Something a person should look at: one-based line of the original, and why."""

    line: int
    message: str


@dataclass(frozen=True)
class Edit:
    """Replace the original's zero-based lines `start:end` by `text` (whole lines)."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Rewritten:
    """The whole new text, the edits that lead to it, the function alone, and what to look at."""

    text: str
    edits: tuple[Edit, ...]
    function: str
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Declined:
    """The rules can't decide, or must not; the reason is a sentence for the user.

    `is_undecided` when somebody who knows more than the rules may do it all the same.
    """

    reason: str
    is_undecided: bool = False


@dataclass(frozen=True)
class Agrees:
    """A proposal is the original but for async syntax and known replacements."""


@dataclass(frozen=True)
class Differs:
    """A proposal is something else than the original made async; why."""

    reason: str


class Verdict(Enum):
    """Whether an expression needs async syntax."""

    NO = 0
    ASSUMED = 1
    """By its name or by what it reaches, in a library that is converted as a whole."""
    KNOWN = 2

    def __bool__(self) -> bool:
        return self is not Verdict.NO


def surest(verdicts: "list[Verdict]") -> Verdict:
    """Return the most certain of some verdicts."""
    return max(verdicts, key=lambda verdict: verdict.value, default=Verdict.NO)


def assumed(condition: bool) -> Verdict:
    """Return a verdict that rests on a name."""
    return Verdict.ASSUMED if condition else Verdict.NO

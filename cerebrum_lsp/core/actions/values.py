"""What goes into an action and what comes out of it. Lines and columns are zero-based."""

from dataclasses import dataclass, field

from cerebrum_lsp.core.async_refactor import Facts, Note


@dataclass(frozen=True)
class Task:
    """One action on one document, as it was at one version.

    `first_line` to `last_line` (inclusive) are what was selected, or the cursor's line twice.
    `words` is what the user or a diagnostic says, where the kind of action takes any; `facts` what
    the workspace knows of what the file imports.
    """

    kind: str
    path: str
    language: str
    text: str
    first_line: int
    last_line: int
    words: str = ""
    facts: Facts = field(default_factory=Facts)


@dataclass(frozen=True)
class TextChange:
    """Replace the text between two places, columns in characters."""

    start_line: int
    start_column: int
    end_line: int
    end_column: int
    text: str


@dataclass(frozen=True)
class NewFile:
    """A file beside the document; the name may have to give way to one that is there."""

    name: str
    text: str


@dataclass(frozen=True)
class Change:
    """What an action does: changes that don't overlap, in the order of the text, or a new file.

    `notes` are what a person should look at. `review` says what couldn't be checked; empty for a
    change that was checked.
    """

    label: str
    changes: tuple[TextChange, ...] = ()
    notes: tuple[Note, ...] = ()
    review: str = ""
    new_file: NewFile | None = None


@dataclass(frozen=True)
class Refused:
    """No change; the reason is a sentence for the user.

    `is_open` when somebody else may do it: a model what the rules can't decide, or a model in
    another try what it did wrong in this one.
    """

    reason: str
    is_open: bool = False

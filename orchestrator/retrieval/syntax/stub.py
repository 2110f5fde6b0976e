"""A definition without its bodies: headers, attributes, the first line of the documentation."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from orchestrator.retrieval.syntax.structure import CALLABLES, CONTAINERS, Definition, Outline


class Stub(NamedTuple):
    """The text of a stub, and the 1-based source lines that it shows."""

    text: str
    lines: tuple[int, ...]


def stub(lines: Sequence[str], outline: Outline, index: int) -> Stub:
    """Return the stub of the definition at `index`; `lines` are the file's lines without ends.

    A class shows its header, the first line of its documentation, its attributes' first lines and
    its methods' headers; a function its header and the first line of its documentation.
    """
    shown = tuple(sorted(set(_shown(outline, index))))
    return Stub("\n".join(lines[number - 1] for number in shown if number <= len(lines)), shown)


def _shown(outline: Outline, index: int) -> Iterator[int]:
    definition = outline.definitions[index]
    yield from _head(definition)
    yield from _first_of_doc(definition)
    if definition.kind not in CONTAINERS:
        return
    named: set[str] = set()
    for child in outline.children(index):
        member = outline.definitions[child]
        if member.kind in CALLABLES:
            yield from _head(member)
        elif member.kind in CONTAINERS or member.name not in named:
            yield member.head_line
        named.add(member.name)


def _head(definition: Definition) -> range:
    return range(definition.first_line, definition.header_end + 1)


def _first_of_doc(definition: Definition) -> Iterator[int]:
    if definition.doc_first > definition.header_end:
        yield definition.doc_first

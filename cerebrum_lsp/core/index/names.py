"""By which names a file's definitions are known to other files."""

from collections.abc import Iterator

from cerebrum_lsp.core.index.source import LOCAL_KINDS, Place, Source
from orchestrator.retrieval.syntax import Definition, Outline


def has_same_names(old: Outline, new: Outline) -> bool:
    """Whether two outlines of a file hold the same names in the same places of their lists.

    Then all that points into the one points rightly into the other.
    """
    if len(old.definitions) != len(new.definitions) or len(old.imports) != len(new.imports):
        return False
    return all(
        one is two or (one.name, one.kind, one.parent) == (two.name, two.kind, two.parent)
        for one, two in zip(old.definitions, new.definitions, strict=True)
    ) and all(one.name == two.name for one, two in zip(old.imports, new.imports, strict=True))


def named(source: Source) -> Iterator[tuple[Place, Definition]]:
    """Return the definitions that other files can name: no locals of functions."""
    definitions = source.outline.definitions
    for index, definition in enumerate(definitions):
        parent = definition.parent
        if parent >= 0 and definition.kind != "field" and definitions[parent].kind in LOCAL_KINDS:
            continue
        yield Place(source.path, index), definition

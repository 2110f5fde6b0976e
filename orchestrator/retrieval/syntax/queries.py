"""The queries of each language, read from data files and compiled once."""

from functools import cache
from importlib.resources import files

from tree_sitter import Query

from orchestrator.retrieval.syntax.grammars import LANGUAGES, canonical, get_language

REFERENCE = "@reference."


@cache
def _source(name: str) -> str:
    folder = files("orchestrator.retrieval.syntax") / "queries"
    return (folder / f"{LANGUAGES[name].queries or name}.scm").read_text(encoding="utf-8")


@cache
def _compiled(name: str, references: bool) -> Query:
    """Compile the patterns of one half of a file: those of references, or all the others."""
    language = get_language(name)
    assert language is not None  # noqa: S101 - `canonical` has named it
    source = _source(name).encode()
    query = Query(language, source.decode())
    for index in range(query.pattern_count):
        start, end = query.start_byte_for_pattern(index), query.end_byte_for_pattern(index)
        if (REFERENCE.encode() in source[start:end]) is not references:
            query.disable_pattern(index)
    return query


def outline_query(language: str) -> Query:
    """Return the query for the definitions, comments and imports of a language."""
    return _compiled(canonical(language) or language, references=False)


def reference_query(language: str) -> Query:
    """Return the query for the names that code of a language uses."""
    return _compiled(canonical(language) or language, references=True)

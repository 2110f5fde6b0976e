"""An outline as text, one line for each definition and import, for golden files."""

from orchestrator.retrieval.syntax import Definition, Import, outline


def rendered(text: str, language: str) -> str:
    """Return the outline: kind, chain of names, lines, header, documentation; then the imports."""
    found = outline(text, language)
    rows = [
        _definition(each, ".".join(found.chain(index)))
        for index, each in enumerate(found.definitions)
    ]
    return "".join(row + "\n" for row in (*rows, *map(_import, found.imports)))


def _definition(each: Definition, chain: str) -> str:
    doc = f" doc {each.doc_first}-{each.doc_last}" if each.doc_first else ""
    lines = f"{each.first_line}-{each.last_line} header {each.head_line}-{each.header_end}"
    return f"{each.kind} {chain} {lines}{doc}"


def _import(each: Import) -> str:
    name = f" name {each.name}" if each.name else ""
    alias = f" as {each.alias}" if each.alias else ""
    level = f" level {each.level}" if each.level else ""
    reexport = " reexport" if each.is_reexport else ""
    return f"import {each.module!r}{name}{alias}{level}{reexport} {each.first_line}"

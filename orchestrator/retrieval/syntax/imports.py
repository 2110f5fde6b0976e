"""Imports from the matches of a language's import patterns."""

import re
from collections.abc import Iterator

from tree_sitter import Node

from orchestrator.retrieval.syntax.structure import Import

Captures = dict[str, list[Node]]

QUOTES = "\"'<>`"
KEYWORDS = re.compile(r"^(import|use|using|pub)\s+|\s*;\s*$")
RENAMED = re.compile(r"\s+as\s+|\s*=>\s*")
SEPARATOR = re.compile(r"::|\\|\.")
STARS = ("*", "_", "given")


def imports_of(captures: Captures) -> Iterator[Import]:
    """Return what one match of an import pattern brings in."""
    statement = captures["import"][0]
    lines = statement.start_point.row + 1, statement.end_point.row + 1
    is_reexport = "reexport" in captures
    if "tree" in captures:
        written = _text(captures["tree"][0])
        if "prefix" in captures:
            written = _text(captures["prefix"][0]) + "\\" + written
        for path, alias in _leaves(KEYWORDS.sub("", KEYWORDS.sub("", written))):
            module, name = _split(path)
            yield Import(module, name, alias, 0, *lines, is_reexport)
        return
    module = _text(captures["module"][0]).strip(QUOTES)
    bare = module.lstrip(".") if statement.type == "import_from_statement" else module
    level = len(module) - len(bare)
    name = _name_of(captures)
    aliases = captures.get("alias")
    yield Import(bare, name, _text(aliases[0]) if aliases else None, level, *lines, is_reexport)


def _name_of(captures: Captures) -> str | None:
    if "star" in captures:
        return "*"
    if "default" in captures:
        return "default"
    return _text(captures["imported"][0]) if "imported" in captures else None


def _text(node: Node) -> str:
    return (node.text or b"").decode(errors="replace")


def _leaves(written: str) -> Iterator[tuple[str, str | None]]:
    """Return the paths of a tree such as `a::{b, c as d, e::{self, f}}`, with their aliases.

    The same form with other separators serves Rust, Scala, PHP and Kotlin.
    """
    before, brace, rest = written.partition("{")
    if not brace:
        path, *alias = RENAMED.split(written.strip(), maxsplit=1)
        if path:
            yield path, alias[0] if alias else None
        return
    for part in _parts(rest[: rest.rfind("}")]):
        for path, alias_name in _leaves(part):
            whole = before.strip() + path
            yield whole.removesuffix("::self"), alias_name


def _parts(listed: str) -> Iterator[str]:
    """Split at the commas that no brace encloses."""
    depth, begin = 0, 0
    for index, character in enumerate(listed):
        depth += (character == "{") - (character == "}")
        if character == "," and depth == 0:
            yield listed[begin:index]
            begin = index + 1
    yield listed[begin:]


def _split(path: str) -> tuple[str, str | None]:
    """Split a path into its module and the last name; a star is `*` in every language."""
    separators = list(SEPARATOR.finditer(path))
    if not separators:
        return path, None
    last = separators[-1]
    name = path[last.end() :]
    return path[: last.start()].lstrip("\\"), "*" if name in STARS else name

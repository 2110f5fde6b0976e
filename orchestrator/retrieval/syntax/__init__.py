"""What a source file says about itself: grammars, outlines, references, signature stubs. Pure.

The door for both packages: `outline` (definitions and imports), `references` (names used in a
range of lines), `stub` (a definition without its bodies), `parse` and `language_of`.
"""

from orchestrator.retrieval.syntax.grammars import (
    LANGUAGES,
    get_language,
    get_parser,
    language_of,
    parse,
)
from orchestrator.retrieval.syntax.outline import outline, update
from orchestrator.retrieval.syntax.references import Reference, references
from orchestrator.retrieval.syntax.structure import Definition, Import, Outline
from orchestrator.retrieval.syntax.stub import stub

__all__ = [
    "LANGUAGES",
    "Definition",
    "Import",
    "Outline",
    "Reference",
    "get_language",
    "get_parser",
    "language_of",
    "outline",
    "parse",
    "references",
    "stub",
    "update",
]

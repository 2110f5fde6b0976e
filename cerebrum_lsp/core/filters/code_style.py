"""How languages write comments and strings: enough of each to find its brackets."""

import re
from dataclasses import dataclass, field
from functools import cache

from cerebrum_lsp.core.document import Snapshot

STRING = r"""{0}(?:\\.|[^{0}\\\n])*(?:{0}|(?=\n)|\Z)"""
LONG_STRING = r"""{0}(?:\\.|[^\\])*?(?:{0}|\Z)"""
# Where an apostrophe also marks lifetimes, primes and types, only whole characters count.
CHARACTER = r"'(?:\\[^\n][^'\n]{0,8}|[^'\\\n])'"


@dataclass(frozen=True)
class CodeStyle:
    """The lexical habits of a family of languages.

    `is_prose` says that the text isn't code, so that brackets and indentation mean nothing in it;
    `is_code` that it consists of statements and definitions (it doesn't in JSON or HTML).
    """

    line_comments: tuple[str, ...] = ()
    block_comment: tuple[str, str] | None = None
    quotes: str = "\"'"
    long_quotes: tuple[str, ...] = ()
    is_prose: bool = False
    is_code: bool = True
    has_offside_rule: bool = False
    """Blocks are marked by indentation alone, after a colon."""
    comments: tuple[str, ...] = field(init=False, repr=False, compare=False)
    """The marks with which comments begin."""
    tokens: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        blocks = self.block_comment[:1] if self.block_comment else ()
        object.__setattr__(self, "comments", (*self.line_comments, *blocks))
        object.__setattr__(self, "tokens", _tokens(self))


def _tokens(style: CodeStyle) -> re.Pattern[str]:
    """Return the pattern of what hides brackets, and of the brackets themselves."""
    parts = [LONG_STRING.format(re.escape(quote)) for quote in style.long_quotes]
    if style.block_comment is not None:
        begin, end = map(re.escape, style.block_comment)
        parts.append(rf"{begin}.*?(?:{end}|\Z)")
    parts += [rf"{re.escape(mark)}[^\n]*" for mark in style.line_comments]
    parts += [STRING.format(quote) for quote in style.quotes]
    if "'" not in style.quotes:
        parts.append(CHARACTER)
    parts.append(r"(?P<bracket>[()\[\]{}])")
    return re.compile("|".join(parts), re.DOTALL)


_C = CodeStyle(("//",), ("/*", "*/"), quotes='"')
_JAVASCRIPT = CodeStyle(("//",), ("/*", "*/"), long_quotes=("`",))
_SCRIPT = CodeStyle(("#",))
_MARKUP = CodeStyle((), ("<!--", "-->"), quotes="", is_code=False)

PLAIN = CodeStyle(quotes='"', is_code=False)
"""For a language that isn't known: brackets count, comments can't be told from code."""
PROSE = CodeStyle(quotes="", is_prose=True, is_code=False)

# Keys are the language identifiers of the protocol, and file extensions where they differ.
_FAMILIES: tuple[tuple[str, CodeStyle], ...] = (
    ("python py pyi", CodeStyle(("#",), long_quotes=('"""', "'''"), has_offside_rule=True)),
    ("javascript javascriptreact typescript typescriptreact js jsx ts tsx mjs cjs", _JAVASCRIPT),
    ("vue svelte", CodeStyle((), ("/*", "*/"), quotes="`", is_code=False)),
    ("c cpp csharp java objective-c objective-cpp h hpp cc cs solidity sol proto zig", _C),
    ("go", CodeStyle(("//",), ("/*", "*/"), quotes='"', long_quotes=("`",))),
    ("rust rs", _C),
    ("kotlin kt scala swift", CodeStyle(("//",), ("/*", "*/"), quotes='"', long_quotes=('"""',))),
    ("dart groovy", CodeStyle(("//",), ("/*", "*/"))),
    ("php", CodeStyle(("//", "#"), ("/*", "*/"))),
    ("css scss less", CodeStyle((), ("/*", "*/"), is_code=False)),
    ("ruby rb shellscript sh bash perl pl r elixir ex powershell ps1 makefile", _SCRIPT),
    ("julia jl", CodeStyle(("#",), long_quotes=('"""',), quotes='"')),
    ("yaml yml toml dockerfile ini properties dotenv", CodeStyle(("#",), is_code=False)),
    ("lua", CodeStyle(("--",))),
    ("sql", CodeStyle(("--",), ("/*", "*/"))),
    ("haskell hs elm fsharp fs ocaml ml", CodeStyle(("--", "//"), quotes='"')),
    ("clojure clj lisp scheme racket el", CodeStyle((";",), quotes='"')),
    ("json jsonc json5", CodeStyle(("//",), quotes='"', is_code=False)),
    ("html xml svg", _MARKUP),
    ("markdown md plaintext txt restructuredtext rst latex tex asciidoc", PROSE),
)
STYLES = {name: style for names, style in _FAMILIES for name in names.split()}
_SAYS_NOTHING = frozenset({"", "plaintext"})


@cache
def _style_named(language: str, extension: str) -> CodeStyle:
    if language in STYLES and language not in _SAYS_NOTHING:
        return STYLES[language]
    return STYLES.get(extension, PLAIN)


def style_of(snapshot: Snapshot) -> CodeStyle:
    """Return the style of a document, by its language, else by its file's extension."""
    name = snapshot.path.rpartition("/")[2].lower()
    extension = name.rpartition(".")[2] if "." in name else ""
    return _style_named(snapshot.language, extension)

"""Grammars by language, behind `get_language` and `get_parser`.

The official grammar wheels stand behind one table, since tree-sitter-languages has been abandoned.
A language is named by its LSP identifier; a grammar is imported when it is first asked for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import PurePosixPath

from tree_sitter import Language, Parser, Point, Tree

READ_BITS = 16
"""64 KB are handed to the parser at once: the calls cost nothing beside the parse."""


@dataclass(frozen=True)
class Grammar:
    """Where a grammar comes from, and which files and LSP identifiers it serves."""

    module: str
    suffixes: tuple[str, ...]
    function: str = "language"
    queries: str = ""
    aliases: tuple[str, ...] = ()
    file_names: tuple[str, ...] = ()


LANGUAGES: dict[str, Grammar] = {
    "python": Grammar("tree_sitter_python", (".py", ".pyi", ".pyw")),
    "javascript": Grammar(
        "tree_sitter_javascript", (".js", ".mjs", ".cjs", ".jsx"), aliases=("javascriptreact",)
    ),
    "typescript": Grammar(
        "tree_sitter_typescript", (".ts", ".mts", ".cts"), function="language_typescript"
    ),
    "typescriptreact": Grammar(
        "tree_sitter_typescript",
        (".tsx",),
        function="language_tsx",
        queries="typescript",
        aliases=("tsx",),
    ),
    "go": Grammar("tree_sitter_go", (".go",)),
    "rust": Grammar("tree_sitter_rust", (".rs",)),
    "c": Grammar("tree_sitter_c", (".c", ".h")),
    "cpp": Grammar(
        "tree_sitter_cpp",
        (".cc", ".cpp", ".cxx", ".c++", ".hh", ".hpp", ".hxx", ".h++", ".ipp"),
        aliases=("c++",),
    ),
    "java": Grammar("tree_sitter_java", (".java",)),
    "csharp": Grammar("tree_sitter_c_sharp", (".cs", ".csx"), aliases=("c#", "c-sharp", "c_sharp")),
    "ruby": Grammar(
        "tree_sitter_ruby", (".rb", ".rake", ".gemspec"), file_names=("Rakefile", "Gemfile")
    ),
    "php": Grammar("tree_sitter_php", (".php", ".phtml"), function="language_php"),
    "shellscript": Grammar(
        "tree_sitter_bash",
        (".sh", ".bash"),
        queries="bash",
        aliases=("bash", "sh"),
        file_names=(".bashrc", ".bash_profile", ".profile"),
    ),
    "lua": Grammar("tree_sitter_lua", (".lua",)),
    "kotlin": Grammar("tree_sitter_kotlin", (".kt", ".kts")),
    "swift": Grammar("tree_sitter_swift", (".swift",)),
    "scala": Grammar("tree_sitter_scala", (".scala", ".sc", ".sbt")),
    "sql": Grammar("tree_sitter_sql", (".sql",)),
    "html": Grammar("tree_sitter_html", (".html", ".htm")),
    "css": Grammar("tree_sitter_css", (".css",)),
    "json": Grammar("tree_sitter_json", (".json", ".jsonc"), aliases=("jsonc",)),
    "yaml": Grammar("tree_sitter_yaml", (".yaml", ".yml"), aliases=("dockercompose",)),
    "toml": Grammar("tree_sitter_toml", (".toml",)),
    "markdown": Grammar("tree_sitter_markdown", (".md", ".markdown")),
}

_BY_ALIAS = {alias: name for name, row in LANGUAGES.items() for alias in row.aliases}
_BY_SUFFIX = {suffix: name for name, row in LANGUAGES.items() for suffix in row.suffixes}
_BY_FILE_NAME = {file: name for name, row in LANGUAGES.items() for file in row.file_names}


def language_of(path: str) -> str | None:
    """Return the language of a file by its name or ending; None when it has no grammar here."""
    name = PurePosixPath(path).name
    return _BY_FILE_NAME.get(name) or _BY_SUFFIX.get(PurePosixPath(name).suffix.lower())


def canonical(language: str | None) -> str | None:
    """Return the table's name of a language given by any of its names; None for unknown ones."""
    name = (language or "").lower()
    return name if name in LANGUAGES else _BY_ALIAS.get(name)


@cache
def _load(name: str) -> Language:
    grammar = LANGUAGES[name]
    return Language(getattr(import_module(grammar.module), grammar.function)())


def get_language(language: str | None) -> Language | None:
    """Return the grammar of a language; None for one that has none here (plain text)."""
    name = canonical(language)
    return _load(name) if name else None


def get_parser(language: str | None) -> Parser | None:
    """Return a new parser for a language; None for one that has no grammar here."""
    grammar = get_language(language)
    return Parser(grammar) if grammar else None


def parse(
    source: bytes,
    language: str | None,
    old_tree: Tree | None = None,
    stop: Callable[[], bool] | None = None,
) -> Tree | None:
    """Parse UTF-8 `source`; None without a grammar, or when `stop` said so before the end.

    `old_tree` is the tree of the text before, already told of the edits (`Tree.edit`). `stop` is
    asked every few hundred tokens; the parser holds the GIL, so it is the only way to bound it.
    """
    parser = get_parser(language)
    if parser is None:
        return None
    if stop is None:
        return parser.parse(source, old_tree) if old_tree else parser.parse(source)

    def progress(_offset: int, _has_error: bool) -> bool:
        return stop()

    reader = _take_reader(source)
    try:
        if old_tree is None:
            tree = parser.parse(reader.read, progress_callback=progress)
        else:
            tree = parser.parse(reader.read, old_tree, progress_callback=progress)
    except ValueError:
        return None  # stopped: this parser is not used again, so there is nothing to reset
    finally:
        reader.source = b""
        _IDLE_READERS.append(reader)
    # What was read bit by bit would be read again for the text of each node; this changes nothing
    # but where the tree has its text from.
    return parser.parse(source, tree)


class _Reader:
    """Reads a text for the parser, in pieces that are always the same objects.

    tree-sitter's binding never lets go of what it is given here (as of 0.26.1), so new pieces would
    stay in memory for ever: all of them lie in one buffer, one for each power of two.
    """

    def __init__(self) -> None:
        self.source = b""
        buffer = bytearray(1 << READ_BITS)
        self._pieces = [memoryview(buffer)[: 1 << bits] for bits in range(READ_BITS + 1)]

    def read(self, offset: int, _: Point) -> memoryview:
        """Return what stands from `offset` on, as much of it as fits a piece."""
        left = len(self.source) - offset
        if left <= 0:
            return NOTHING
        piece = self._pieces[min(READ_BITS, left.bit_length() - 1)]
        piece[:] = self.source[offset : offset + len(piece)]
        return piece


NOTHING = memoryview(b"")
_IDLE_READERS: list[_Reader] = []
"""As many as there were parses at the same time, in threads."""


def _take_reader(source: bytes) -> _Reader:
    try:
        reader = _IDLE_READERS.pop()
    except IndexError:
        reader = _Reader()
    reader.source = source
    return reader

"""A place in a file, as people write it: FILE:LINE:COL, from 1."""

from dataclasses import dataclass, replace
from pathlib import Path

from cerebrum_kit import backoff
from cerebrum_lsp.errors import DaemonError

MAX_FILE_BYTES = 4_000_000
LANGUAGES = {
    ".py": "python",
    ".js": "javascript",
    ".ts": "typescript",
    ".go": "go",
    ".rs": "rust",
    ".c": "c",
    ".cpp": "cpp",
    ".java": "java",
    ".rb": "ruby",
    ".sh": "shellscript",
    ".lua": "lua",
}


class PlaceError(DaemonError):
    """The place can't be found."""

    code = "no-such-place"


@dataclass(frozen=True)
class Place:
    """A file's text, and a place in it: zero-based line, column in characters."""

    file: Path
    text: str
    line: int
    column: int

    @property
    def language(self) -> str:
        """The language identifier by which editors know the file."""
        return LANGUAGES.get(self.file.suffix, "plaintext")

    @property
    def utf16_column(self) -> int:
        """The column in UTF-16 code units, the protocol's default."""
        before = self.lines[self.line][: self.column] if self.lines else ""
        return len(before.encode("utf-16-le")) // 2

    @property
    def lines(self) -> list[str]:
        """The text's lines, without their ends."""
        return self.text.split("\n")

    def retyped(self) -> "Place":
        """Return the place without the rest of its line, as if that had yet to be typed."""
        lines = self.lines
        lines[self.line] = lines[self.line][: self.column]
        return replace(self, text="\n".join(lines))


def parse_place(text: str) -> Place:
    """Read FILE:LINE:COL, FILE:LINE (the line's end) or FILE (the file's end).

    Raises PlaceError, which says what is wrong with it.
    """
    name, line, column = _split(text)
    file = Path(name).expanduser().resolve()
    if not file.is_file():
        raise PlaceError(f"{name}: no such file; expected FILE:LINE:COL")
    if file.stat().st_size > MAX_FILE_BYTES:
        raise PlaceError(f"{name}: larger than {MAX_FILE_BYTES // 1_000_000} MB")
    try:
        content = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PlaceError(f"{name}: can't be read as UTF-8 text: {error}") from error
    lines = content.split("\n")
    row = len(lines) if line is None else line
    if not 1 <= row <= len(lines):
        raise PlaceError(f"{name}: has {len(lines)} lines, there is no line {row}")
    width = len(lines[row - 1])
    if column is not None and not 1 <= column <= width + 1:
        raise PlaceError(f"{name}:{row}: has {width} columns, there is no column {column}")
    return Place(file, content, row - 1, width if column is None else column - 1)


def _split(text: str) -> tuple[str, int | None, int | None]:
    """Take up to two numbers off the end; a colon before anything else belongs to the name."""
    name, numbers = text, list[int]()
    while len(numbers) < 2:
        head, _, tail = name.rpartition(":")
        if not head or not tail.isdecimal():
            break
        name = head
        numbers.insert(0, int(tail))
    line, column = [*numbers, None, None][:2]
    return name, line, column


def default_place() -> Place:
    """Return a statement of a file of our own, as if it had yet to be typed."""
    file = Path(backoff.__file__)
    text = file.read_text(encoding="utf-8")
    lines = text.rstrip().split("\n")
    return Place(file, text, len(lines) - 1, lines[-1].index("return ") + len("return ")).retyped()

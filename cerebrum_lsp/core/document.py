"""Documents as values: what stood in the editor at one moment."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Cursor:
    """A place in a document: zero-based line, and column in characters (code points)."""

    line: int
    column: int


@dataclass(frozen=True)
class Snapshot:
    """A document's text at one version, and where the cursor stands in it."""

    uri: str
    version: int | None
    language: str
    path: str
    prefix: str
    suffix: str
    cursor: Cursor

    @property
    def line_before(self) -> str:
        """The cursor's line, up to the cursor."""
        return self.prefix[self.prefix.rfind("\n") + 1 :]

    @property
    def line_after(self) -> str:
        """The cursor's line, from the cursor on, without its end."""
        end = self.suffix.find("\n")
        return (self.suffix if end < 0 else self.suffix[:end]).rstrip("\r")


def column_of(line: str, units: int, encoding: str) -> int:
    """Return the column in characters of a client's column in code units (utf-8, -16 or -32).

    A column beyond the end is the end, one inside a character is that character's beginning.
    """
    content = line.rstrip("\r\n")
    if encoding == "utf-32" or content.isascii():
        return min(units, len(content))
    left = units
    for index, character in enumerate(content):
        left -= _width(character, encoding)
        if left < 0:
            return index
    return len(content)


def units_of(line_before: str, encoding: str) -> int:
    """Return the client's column, in code units, after `line_before`: `column_of` undone."""
    if encoding == "utf-32" or line_before.isascii():
        return len(line_before)
    return sum(_width(character, encoding) for character in line_before)


def _width(character: str, encoding: str) -> int:
    if encoding == "utf-8":
        return len(character.encode("utf-8", "surrogatepass"))
    return 2 if ord(character) > 0xFFFF else 1


def encodable(text: str) -> str:
    """Return a text of the same length without halves of characters, which an editor can send."""
    return text.encode(errors="replace").decode()


def split_at(text_lines: Sequence[str], cursor: Cursor) -> tuple[str, str]:
    """Return the text before and after the cursor; `text_lines` keep their line ends."""
    if cursor.line >= len(text_lines):
        return "".join(text_lines), ""
    line = text_lines[cursor.line]
    prefix = "".join(text_lines[: cursor.line]) + line[: cursor.column]
    suffix = line[cursor.column :] + "".join(text_lines[cursor.line + 1 :])
    return prefix, suffix

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cerebrum_lsp.core.document import Cursor
from cerebrum_lsp.core.lines import Lines, split_lines

TEXTS = st.text(st.sampled_from("ab \n\r\f\u2028é😋"), max_size=30)


def cursor_at(text: str, offset: int) -> Cursor:
    """Return the place of an offset, in a way that is slow and plain."""
    offset = min(offset, len(text))
    if text[offset - 1 : offset + 1] == "\r\n" and offset:
        offset += 1  # no place is between the two
    lines = split_lines(text[:offset])
    if not lines:
        return Cursor(0, 0)
    if lines[-1].endswith(("\n", "\r")):
        return Cursor(len(lines), 0)
    return Cursor(len(lines) - 1, len(lines[-1]))


def offset_of(text: str, cursor: Cursor) -> int:
    return len("".join(split_lines(text)[: cursor.line])) + cursor.column


@given(TEXTS, st.lists(st.tuples(st.integers(0, 30), st.integers(0, 8), TEXTS), max_size=6))
def test_edits_make_the_text_that_they_would_make_of_a_string(
    text: str, edits: list[tuple[int, int, str]]
) -> None:
    document = Lines(text)
    for offset, length, inserted in edits:
        start, end = cursor_at(text, offset), cursor_at(text, offset + length)
        text = text[: offset_of(text, start)] + inserted + text[offset_of(text, end) :]
        document.replace(start, end, inserted)
        assert list(document.lines) == split_lines(text)
        assert document.text == text


@given(TEXTS)
def test_lines_make_the_text(text: str) -> None:
    assert "".join(split_lines(text)) == text


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("a", ["a"]),
        ("a\n", ["a\n"]),
        ("\n\n", ["\n", "\n"]),
        ("a\r\nb\rc\n", ["a\r\n", "b\r", "c\n"]),
        ("a\fb\x0bc\u2028d\x85e\n", ["a\fb\x0bc\u2028d\x85e\n"]),
    ],
)
def test_only_what_editors_count_ends_a_line(text: str, lines: list[str]) -> None:
    assert split_lines(text) == lines


@pytest.mark.parametrize(("text", "lines"), [("a\n", ["a\n", "b"]), ("a", ["ab"]), ("", ["b"])])
def test_a_place_beyond_the_end_is_the_end(text: str, lines: list[str]) -> None:
    document = Lines(text)
    document.replace(Cursor(9, 9), Cursor(9, 9), "b")
    assert list(document.lines) == lines

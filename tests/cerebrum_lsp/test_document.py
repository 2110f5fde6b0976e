import pytest
from hypothesis import given
from hypothesis import strategies as st

from cerebrum_lsp.core.document import Cursor, column_of, split_at
from tests.cursor import snapshot

WIDTHS = {"utf-8": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}
BYTES_PER_UNIT = {"utf-8": 1, "utf-16": 2, "utf-32": 4}


def units(text: str, encoding: str) -> int:
    return len(text.encode(WIDTHS[encoding])) // BYTES_PER_UNIT[encoding]


@pytest.mark.parametrize("encoding", WIDTHS)
@given(before=st.text(st.characters(exclude_characters="\r\n", codec="utf-8")))
def test_a_column_in_code_units_finds_its_character(encoding: str, before: str) -> None:
    line = before + "rest\n"
    assert column_of(line, units(before, encoding), encoding) == len(before)


@pytest.mark.parametrize(
    ("line", "column_units", "encoding", "expected"),
    [
        pytest.param("abc\n", 9, "utf-16", 3, id="beyond the end"),
        pytest.param("abc", 9, "utf-16", 3, id="beyond the end of the last line"),
        pytest.param("abc\r\n", 4, "utf-16", 3, id="inside the line's end"),
        pytest.param("a😋b\n", 2, "utf-16", 1, id="between surrogates"),
        pytest.param("a😋b\n", 3, "utf-8", 1, id="inside a sequence"),
        pytest.param("", 0, "utf-8", 0, id="empty"),
    ],
)
def test_a_column_that_is_none_becomes_the_nearest(
    line: str, column_units: int, encoding: str, expected: int
) -> None:
    assert column_of(line, column_units, encoding) == expected


@given(st.lists(st.text("ab\n", max_size=5)), st.integers(0, 9), st.integers(0, 9))
def test_both_sides_of_a_cursor_make_the_whole_text(
    parts: list[str], line: int, column: int
) -> None:
    lines = "".join(parts).splitlines(keepends=True)
    before, after = split_at(lines, Cursor(line, column))
    assert before + after == "".join(parts)


@pytest.mark.parametrize(
    ("marked", "before", "after"),
    [
        ("a = 1\nb = ‸2\nc", "b = ", "2"),
        ("‸", "", ""),
        ("a‸\r\nb", "a", ""),
        ("a\n‸b", "", "b"),
    ],
)
def test_the_cursors_own_line(marked: str, before: str, after: str) -> None:
    at = snapshot(marked)
    assert (at.line_before, at.line_after) == (before, after)

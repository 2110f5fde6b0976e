from pathlib import Path

import pytest

from cerebrum_lsp.place import PlaceError, default_place, parse_place

TEXT = "first\nsecond 😋 line\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.py"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("written", "line", "column"),
    [(":1:1", 0, 0), (":2:3", 1, 2), (":1:6", 0, 5), (":1", 0, 5), ("", 2, 0)],
)
def test_a_place_as_people_write_it(file: Path, written: str, line: int, column: int) -> None:
    place = parse_place(f"{file}{written}")
    assert (place.line, place.column, place.language) == (line, column, "python")


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (":9:1", "has 3 lines"),
        (":0:1", "no line 0"),
        (":1:8", "has 5 columns"),
        (":1:0", "no column 0"),
        ("x", "no such file"),
    ],
)
def test_a_wrong_place_says_what_is_wrong(file: Path, written: str, message: str) -> None:
    with pytest.raises(PlaceError, match=message):
        parse_place(f"{file}{written}")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PlaceError, match="UTF-8"):
        parse_place(str(path))


def test_a_column_is_told_to_editors_in_their_units(file: Path) -> None:
    assert parse_place(f"{file}:2:9").utf16_column == 9


def test_retyping_leaves_the_rest_of_the_line_out(file: Path) -> None:
    place = parse_place(f"{file}:2:3").retyped()
    assert place.text == "first\nse\n"


def test_the_default_place_is_an_unfinished_statement_of_a_real_file() -> None:
    place = default_place()
    assert place.lines[place.line].endswith("return ")

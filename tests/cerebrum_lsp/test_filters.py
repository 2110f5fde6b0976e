import pytest

from cerebrum_lsp.core.filters.pipeline import Filtered, apply_filters
from cerebrum_lsp.core.shape import SINGLE_LINE_TOKENS, Shape, shape_of
from tests.cursor import snapshot


def check(marked: str, raw: str, shown: str, dropped_by: str | None = None) -> None:
    """What is shown of `raw` at the cursor of `marked`, and which filter left nothing of it."""
    assert apply_filters(raw, snapshot(marked)) == Filtered(shown, dropped_by)


@pytest.mark.parametrize(
    ("marked", "raw", "shown"),
    [
        pytest.param("return ‸", "a + b", "a + b", id="as it is"),
        pytest.param("return ‸", "a + b\n  \n", "a + b", id="white space at the end"),
        pytest.param("f(‸)", "a, b)", "a, b", id="the bracket that the editor has closed"),
        pytest.param("f(‸, c)", "a, b, c)", "a, b", id="the rest of the line"),
        pytest.param("f(‸, c)", "a, b", "a, b", id="no overlap"),
        pytest.param(
            "if a:\n    ‸\nreturn b\n", "a = 1\nreturn b", "a = 1", id="the next line, again"
        ),
        pytest.param("if a:\n    ‸\n\nb()\nc()\n", "d()\nb()\nc()", "d()", id="several lines"),
        pytest.param("x = ‸\ny = 1\n", "1", "1", id="a chance agreement within a line"),
        pytest.param("x = ‸\n", "y", "y", id="nothing after"),
    ],
)
def test_what_is_shown_of_raw_output(marked: str, raw: str, shown: str) -> None:
    check(marked, raw, shown)


@pytest.mark.parametrize(
    ("marked", "raw", "dropped_by"),
    [
        pytest.param("x = ‸", " \n\n", "trim-end", id="white space"),
        pytest.param("f(‸)", ")", "trim-suffix-overlap", id="only what stands there"),
        pytest.param("x = ‸", "", None, id="nothing came, so no filter dropped it"),
    ],
)
def test_a_dropped_completion_names_its_filter(
    marked: str, raw: str, dropped_by: str | None
) -> None:
    check(marked, raw, "", dropped_by)


@pytest.mark.parametrize(
    ("marked", "shape"),
    [
        pytest.param("x = ‸\ny", Shape(96, ("\n\n",)), id="a block at a line's end"),
        pytest.param("f(‸)\ny", Shape(96, ("\n\n",)), id="what an editor closed doesn't count"),
        pytest.param("f(‸, a)", Shape(SINGLE_LINE_TOKENS, ("\n",)), id="the line goes on"),
    ],
)
def test_how_much_is_asked_for(marked: str, shape: Shape) -> None:
    assert shape_of(snapshot(marked), 96) == shape

"""What of a document an instruction selects: golden cases in several languages."""

import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

from orchestrator.retrieval.chunks import ChunkSize
from orchestrator.retrieval.document import read
from orchestrator.retrieval.select import Budget, select

GOLDEN = Path(__file__).parents[2] / "golden" / "compress"


def cases(*names: str) -> Sequence[object]:
    found = []
    for name in names:
        with (GOLDEN / f"{name}.toml").open("rb") as file:
            table = tomllib.load(file)
        for case in table["case"]:
            given = {"language": table["language"], "code": table["code"], **case}
            found.append(pytest.param(given, id=f"{name}: {case['name']}"))
    return found


@pytest.mark.parametrize("case", cases("python", "javascript", "go", "rust"))
def test_selection(case: dict[str, str | int]) -> None:
    document = read(str(case["code"]), str(case["language"]))
    budget = Budget(int(case["budget"]), int(case["chunks"]))
    selection = select([document], str(case["instruction"]), [0], ChunkSize(), budget)
    assert selection.excerpts[0].render() == str(case["expected"]).removeprefix("\n")

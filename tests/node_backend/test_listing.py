"""What the list of models says: in the terminal, as JSON, and on the wire of a real node."""

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import pytest
from rich.console import Console

from node_backend import report
from node_backend.cards import Cards, read_header
from node_backend.config import Settings
from node_backend.core.gguf_header import Header, Tensor
from node_backend.core.ledger import MIB
from node_backend.core.machine import Sample, Thresholds
from node_backend.core.model_card import FILE_TYPES, quantisation_of
from node_backend.core.resident import Limits
from node_backend.guard import Guard
from node_backend.listing import Row, row
from node_backend.listing_view import as_json, table
from node_backend.manager import Manager
from node_backend.model_folders import UnusableModel
from node_backend.models import Catalog, Model, bundled_path
from node_backend.node import Node
from node_backend.probe import Probe
from node_backend.wire import ModelList
from tests.node_backend.fake_engine import FakeEngine
from tests.node_backend.nodes import clean_environment, running_node
from tests.node_backend.shapes import SHAPES, write_shape
from tests.node_backend.stores import pull, split

BUNDLED = Model("tiny", bundled_path(), 2048)
GQA = SHAPES[1]


def shown(*rows: Row, unusable: tuple[UnusableModel, ...] = ()) -> list[list[str]]:
    """Return the table's cells, line by line."""
    console = Console(file=io.StringIO(), width=240)
    console.print(table(rows, unusable))
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    return [[cell for cell in line.rstrip().split("  ") if cell] for line in lines]


def row_of(model: Model, free_mib: int, **given: object) -> Row:
    settings = Settings(**given)  # type: ignore[arg-type]
    return row(model, Cards().of(model.path), settings, free_mib * MIB)


def test_the_table_says_what_the_ledger_says() -> None:
    header, line = shown(row_of(BUNDLED, 1024))
    assert header == ["name", "family", "size", "quantisation", "context", "fits", "from"]
    assert [cell.strip() for cell in line] == [
        "tiny", "llama 7.5M", "8 MB", "Q8_0", "2048", "yes, in 0.33 GiB", "file",
    ]  # fmt: skip


def test_a_model_that_does_not_fit_comes_with_what_would() -> None:
    larger = replace(BUNDLED, context_tokens=65_536)
    text = " ".join(cell for line in shown(row_of(larger, 512, slots=8)) for cell in line)
    assert "no, needs" in text
    assert "of 0.50 GiB; with a context of" in text


def test_keys_and_values_in_eight_bits_take_half_the_room() -> None:
    half, whole = (row_of(BUNDLED, 1024, kv_type=kind) for kind in ("q8_0", "f16"))
    assert half.verdict is not None
    assert whole.verdict is not None
    assert half.verdict.needs.kv / whole.verdict.needs.kv == pytest.approx(17 / 32)


def test_names_are_shown_as_they_are_and_not_as_markup() -> None:
    named = Row(Model("[red]x[/red]", Path("/nowhere"), 1), problem="gone")
    broken = UnusableModel("[bold]y", "[link]z")
    text = json.dumps(shown(named, unusable=(broken,)))
    for literal in ("[red]x[/red]", "[bold]y", "no: [link]z"):
        assert literal in text


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"ELF and more", "doesn't begin with GGUF"),
        (bundled_path().read_bytes()[:100_000], "header goes on"),
        (bundled_path().read_bytes()[:3_000_000], "cut short"),
        (None, "can't be read"),
    ],
)
def test_a_file_that_is_no_model_is_listed_with_the_reason(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "m.gguf"
    if content is not None:
        path.write_bytes(content)
    found = row_of(Model("m", path, 512), 1024)
    assert reason in (found.problem or "")
    assert not found.is_runnable
    assert reason in str(json.loads(as_json([found], []))["models"][0]["problem"])


def test_a_header_is_read_again_when_its_file_changed(tmp_path: Path) -> None:
    path, cards = tmp_path / "m.gguf", Cards()
    path.write_bytes(b"nothing yet")
    assert cards.of(path).card is None
    path.write_bytes(bundled_path().read_bytes())
    assert cards.of(path).card is not None


def test_file_types_are_called_as_the_gguf_package_calls_them() -> None:
    for number, name in FILE_TYPES.items():
        known = gguf.LlamaFileType(number).name
        assert known.removeprefix("MOSTLY_").removeprefix("ALL_") == name


def test_without_a_file_type_the_most_bytes_decide() -> None:
    tensors = (Tensor("a", (256, 64), 12, 0), Tensor("b", (256,), 0, 0))
    assert quantisation_of(Header(3, {}, tensors)) == "Q4_K"
    assert quantisation_of(Header(3, {"general.file_type": 15}, tensors)) == "Q4_K_M"
    assert quantisation_of(Header(3, {"general.file_type": 777}, tensors)) == "Q4_K"
    assert quantisation_of(Header(3, {}, ())) == "?"


def test_the_parts_of_a_split_model_are_counted_together(tmp_path: Path) -> None:
    whole = write_shape(tmp_path / "m.gguf", replace(GQA, layers=2, width=256, heads=4))
    parts = split(whole, tmp_path / "parts", tensors_each=8)
    assert len(parts) == 3
    expected, found = read_header(whole), read_header(parts[0])
    assert [each.name for each in found.tensors] == [each.name for each in expected.tensors]
    model = Model("m", parts[0], 512, parts=tuple(parts[1:]))
    assert row_of(model, 1024).verdict == row_of(Model("m", whole, 512), 1024).verdict


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {**clean_environment(), "COLUMNS": "200", **environment}
    return subprocess.run(
        [sys.executable, "-m", "node_backend", *arguments],
        capture_output=True,
        text=True,
        env=kept,
        timeout=60,
        check=False,
    )


@pytest.fixture
def places(tmp_path: Path) -> Path:
    """A folder with a split model, and a store with a whole and a half one."""
    split(bundled_path(), tmp_path / "models" / "sub", tensors_each=30)
    store = tmp_path / "store"
    pull(store, "registry.ollama.ai/library/tiny/q8", bundled_path().read_bytes())
    pull(store, "hf.co/some/half/Q4_K_M").unlink()
    return tmp_path


def check_listed(answer: dict[str, Any], **expected: object) -> None:
    by_name = {model["name"]: model for model in answer["models"]}
    assert by_name.keys() == expected.keys()
    for name, source in expected.items():
        assert by_name[name].get("source") == source


def test_the_command_lists_what_is_in_all_places(places: Path) -> None:
    result = run(
        "models", "--json", "--folder", str(places / "models"), OLLAMA_MODELS=str(places / "store")
    )
    assert (result.returncode, result.stderr) == (0, "")
    answer = json.loads(result.stdout)
    check_listed(
        answer,
        **{
            "cerebrum-tiny": "bundled",
            "sub/cerebrum-tiny": "folder",
            "tiny:q8": "ollama",
            "hf.co/some/half:Q4_K_M": None,
        },
    )
    assert "ollama pull hf.co/some/half:Q4_K_M" in answer["models"][-1]["problem"]
    split_model = answer["models"][1]
    assert len(split_model["files"]) > 1
    assert (split_model["family"], split_model["quantisation"]) == ("llama", "Q8_0")
    assert split_model["trained_context_tokens"] == 2048
    assert split_model["context_tokens"] == 2048


def test_the_command_draws_a_table(places: Path) -> None:
    result = run("models", OLLAMA_MODELS=str(places / "store"), CEREBRUM_NODE_MODEL_FOLDERS="/none")
    lines = result.stdout.splitlines()
    assert lines[0].split() == [
        "name", "family", "size", "quantisation", "context", "fits", "from",
    ]  # fmt: skip
    assert [line.split()[0] for line in lines[1:]] == [
        "cerebrum-tiny",
        "tiny:q8",
        "hf.co/some/half:Q4_K_M",
    ]
    assert result.stderr == "cerebrum-node: /none can't be read: No such file or directory\n"
    assert result.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--model", "nobody"], 1, "neither a file nor a model"),
        (["--context", "0"], 2, "context"),
        (["--context", "much"], 2, "--context"),
        (["--colour"], 2, "--colour"),
    ],
)
def test_a_mistake_on_the_command_line_is_said_in_words(
    arguments: list[str], status: int, said: str
) -> None:
    result = run("models", *arguments)
    assert result.returncode == status
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


async def test_a_list_does_not_wait_for_all_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    models = (BUNDLED, replace(BUNDLED, name="other"), Model("none", Path("/nowhere"), 512))
    manager = Manager(
        lambda _: FakeEngine(),
        Guard(lambda: Sample(0, 9000), Thresholds(100, 0)),
        Limits(slots=1, queue=0),
    )
    cards = Cards()
    node = Node(
        manager,
        Catalog(models),
        Probe(interval_s=60),
        describe=lambda model: row(model, cards.of(model.path), Settings(), 1 << 40),
    )
    listed = (await report.models(node)).models
    assert [(each.name, each.chat) for each in listed] == [("tiny", False), ("other", False)]
    monkeypatch.setattr(report, "LIST_WITHIN_S", -1.0)
    assert [each.name for each in (await report.models(node)).models] == ["tiny"]


@pytest.mark.e2e
async def test_a_node_offers_its_models_and_loads_them_by_name(places: Path) -> None:
    folder, store = places / "models", places / "store"
    broken = folder / "broken.gguf"
    broken.write_bytes(b"GGUF")
    with running_node("--folder", str(folder), OLLAMA_MODELS=str(store)) as node:
        async with node.client() as node.http:
            answer = await node.http.get("/v1/models")
            listed = ModelList.model_validate_json(answer.content).models
            assert [model.name for model in listed] == [
                "cerebrum-tiny",
                "sub/cerebrum-tiny",
                "tiny:q8",
            ]
            assert {(model.family, model.quantisation, model.fits) for model in listed} == {
                ("llama", "Q8_0", True)
            }
            texts = {}
            for name in ("cerebrum-tiny", "sub/cerebrum-tiny", "tiny:q8", "Tiny:Q8"):
                done = await node.infer(prompt="def add(a, b):\n", model=name, max_tokens=6)
                texts[name] = done.text
                assert done.model.lower() == name.lower()
            assert len(set(texts.values())) == 1
            for name, status, code in (
                ("../store/blobs/x", 404, "unknown-model"),
                (str(bundled_path()), 404, "unknown-model"),
                ("sub/cerebrum-tiny\0", 404, "unknown-model"),
                ("a" * 257, 400, "invalid-request"),
                ("hf.co/some/half:Q4_K_M", 404, "model-incomplete"),
            ):
                refusal = await node.ask(prompt="x", model=name)
                assert (refusal.status_code, refusal.json()["error"]["code"]) == (status, code)
            half_a_character = b'{"prompt": "x", "model": "\\ud800"}'
            refusal = await node.http.post(
                "/v1/inference",
                content=half_a_character,
                headers={"Content-Type": "application/json"},
            )
            assert refusal.status_code in (400, 404)

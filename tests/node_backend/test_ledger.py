"""The memory ledger: its arithmetic, its proposals, and the engine's own memory beside it."""

import time
from pathlib import Path

import gguf
import numpy as np
import pytest

from benchmarks.ledger import compare
from node_backend.cards import Cards
from node_backend.config import Settings
from node_backend.core.ledger import MIB, Fits, KvType, Plan, TooLarge, fits, needs_of
from node_backend.core.model_shape import Shape
from node_backend.engines.llama_cpp import LlamaCppEngine
from node_backend.errors import ModelFailedError
from node_backend.fitting import too_large
from node_backend.models import Model
from node_backend.service import engine_settings
from tests.node_backend.nodes import running_node
from tests.node_backend.shapes import SHAPES, Written

GIB = 1 << 30
SEVEN_B = Shape(
    architecture="llama",
    weights_bytes=int(7e9 * 8.5 / 8),
    repacked_bytes=0,
    parameters=7_000_000_000,
    vocabulary=32_000,
    width=4096,
    hidden=11_008,
    trained_context_tokens=32_768,
    kv_per_token=(32 * 256,) * 32,
    windowed=(False,) * 32,
    window_tokens=0,
)
PLAN = Plan(context_tokens=8192, slots=2, batch_tokens=64, prompt_cache_bytes=256 * MIB)


def test_keys_and_values_are_kept_for_each_layer_position_and_slot() -> None:
    assert needs_of(SEVEN_B, PLAN).kv == 32 * 32 * 256 * 8192 * 2 * 2


def test_windowed_layers_keep_their_window_and_a_step() -> None:
    windowed = Shape(**{**vars(SEVEN_B), "windowed": (True,) * 32, "window_tokens": 1024})
    assert needs_of(windowed, PLAN).kv == 32 * 32 * 256 * 1280 * 2 * 2


def test_what_fits_exactly_fits_and_a_byte_less_does_not() -> None:
    total = needs_of(SEVEN_B, PLAN).total
    assert isinstance(fits(SEVEN_B, PLAN, total), Fits)
    assert isinstance(fits(SEVEN_B, PLAN, total - 1), TooLarge)


@pytest.mark.parametrize(
    ("available", "context", "quantisation", "said"),
    [
        (15 * GIB, 7680, None, "context of 7680"),
        (7 * GIB, None, "Q6_K", "Q6_K"),
        (1 * GIB, None, None, "smaller model"),
    ],
)
def test_the_proposal_is_the_least_loss_that_fits(
    available: int, context: int | None, quantisation: str | None, said: str
) -> None:
    verdict = fits(SEVEN_B, PLAN, available)
    assert isinstance(verdict, TooLarge)
    assert (verdict.context_tokens, verdict.quantisation) == (context, quantisation)
    assert said in verdict.explain()
    assert "GiB" in verdict.explain()


@pytest.fixture
def seventy_b(tmp_path: Path) -> Path:
    """A header of 70 B parameters in Q8_0 before a hole of 70 GB."""
    path = tmp_path / "llama-70b.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(8192)
    writer.add_embedding_length(8192)
    writer.add_block_count(80)
    writer.add_feed_forward_length(28_672)
    writer.add_head_count(64)
    writer.add_head_count_kv(8)
    kind, shape = gguf.GGMLQuantizationType.Q8_0, (28_672, 8192)
    matrix = gguf.quants.quant_shape_to_byte_shape(shape, kind)
    for index in range(80 * 4 - 20):
        size = matrix[0] * matrix[1]
        writer.add_tensor_info(f"blk.{index}.w", matrix, np.dtype(np.uint8), size, kind)
    tokens = gguf.quants.quant_shape_to_byte_shape((128_256, 8192), kind)
    writer.add_tensor_info(
        "token_embd.weight",
        tokens,
        np.dtype(np.uint8),
        tokens[0] * tokens[1],
        kind,
    )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    with path.open("r+b") as file:
        file.truncate(75 * 10**9)
    return path


def test_a_model_of_70_billion_is_refused_in_milliseconds(seventy_b: Path) -> None:
    settings = engine_settings(Settings(), Model("big", seventy_b, 8192), 2)
    begun = time.process_time()
    said = too_large(settings, Cards().of(seventy_b), free_bytes=45 * GIB)
    assert time.process_time() - begun < 0.5
    assert said is not None
    assert "would fit as Q4_K_M" in said


async def test_the_engine_is_not_started_with_what_does_not_fit(seventy_b: Path) -> None:
    settings = engine_settings(Settings(), Model("big", seventy_b, 8192), 2)
    engine = LlamaCppEngine(
        settings,
        load_timeout_s=10,
        stall_timeout_s=10,
        objection=lambda *chosen: too_large(*chosen, free_bytes=8 * GIB),
    )
    try:
        with pytest.raises(ModelFailedError, match="GiB are free"):
            await engine.load()
        assert engine.status.pid is None
    finally:
        await engine.unload()


def test_a_file_that_is_no_model_is_left_to_the_engine_to_judge(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(b"nonsense")
    settings = engine_settings(Settings(), Model("m", path, 512), 2)
    assert too_large(settings, Cards().of(path), free_bytes=0) is None


@pytest.mark.e2e
async def test_health_says_why_a_model_does_not_fit(seventy_b: Path) -> None:
    with running_node(
        "--model", str(seventy_b), CEREBRUM_NODE_MIN_MEMORY_AVAILABLE_MIB="0"
    ) as node:
        async with node.client() as node.http:
            answer = await node.ask(prompt="a")
            health = await node.health()
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "model-failed")
    assert health.reason is not None
    assert "the model needs" in health.reason
    assert not health.accepting


@pytest.mark.e2e
@pytest.mark.parametrize("written", SHAPES, ids=lambda written: str(written.name))
async def test_the_ledger_agrees_with_the_engine(tmp_path: Path, written: Written) -> None:
    comparison = await compare(tmp_path, written)
    assert comparison.holds, comparison


@pytest.mark.e2e
@pytest.mark.parametrize("kv_type", ["q8_0", "q4_0"])
async def test_the_ledger_agrees_for_quantised_keys_and_values(
    tmp_path: Path, kv_type: KvType
) -> None:
    comparison = await compare(tmp_path, SHAPES[0], kv_type)
    assert comparison.holds, comparison
    assert comparison.needs.kv > 30_000_000  # more than what may be off: else it would say nothing

"""What is known of model files: read once, kept small, whatever is wrong with them."""

import asyncio
from pathlib import Path

import gguf
import pytest

from node_backend import cards as module
from node_backend.cards import Cards
from node_backend.config import Settings
from node_backend.core.gguf_header import Header
from node_backend.engines.llama_cpp import LlamaCppEngine
from node_backend.errors import ModelFailedError
from node_backend.models import Model, bundled_path
from node_backend.service import engine_settings


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each header that was read: whether the event loop waited for it."""
    seen: list[bool] = []
    read = module.read_header

    def noted(path: Path) -> Header:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            seen.append(False)
        else:
            seen.append(True)
        return read(path)

    monkeypatch.setattr(module, "read_header", noted)
    return seen


async def test_starting_an_engine_reads_the_header_once_and_beside_the_loop(
    reads: list[bool],
) -> None:
    settings = engine_settings(Settings(), Model("tiny", bundled_path(), 512), 2)
    asked = []

    def refuse(*given: object) -> str:
        asked.append(given)
        return "there is no room"

    engine = LlamaCppEngine(
        settings, load_timeout_s=10, stall_timeout_s=10, objection=refuse, cards=Cards()
    )
    try:
        for _ in range(3):
            with pytest.raises(ModelFailedError, match="no room"):
                await engine.load()
            await engine.unload()
    finally:
        await engine.unload()
    assert len(asked) == 3
    assert reads == [False]


@pytest.mark.e2e
async def test_a_model_that_is_loaded_is_loaded_without_a_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each request comes by there, and on a busy machine a thread waits for a core."""
    settings = engine_settings(Settings(), Model("tiny", bundled_path(), 512), 2)
    engine = LlamaCppEngine(settings, load_timeout_s=60, stall_timeout_s=60)
    try:
        await engine.load()
        with monkeypatch.context() as forbidden:
            forbidden.setattr(asyncio, "to_thread", None)
            await engine.load()
    finally:
        await engine.unload()


def test_what_can_be_read_of_a_model_without_figures_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    writer = gguf.GGUFWriter(path, "unheard-of")
    writer.add_name("Unheard Of 1B")
    writer.add_chat_template("{{ messages }}")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    reading = Cards().of(path)
    assert (reading.title, reading.has_chat_template) == ("Unheard Of 1B", True)
    assert reading.card is None
    assert "block_count" in (reading.problem or "")

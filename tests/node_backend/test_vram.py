"""Graphics cards: their library as NVIDIA documents it, and machines that have none."""

import sys
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from node_backend import vram
from node_backend.config import Settings
from node_backend.service import may_use_gpu


class NVMLError(Exception):
    """What the library raises for everything."""


def library(*free_bytes: int, has_driver: bool = True, answers: bool = True) -> SimpleNamespace:
    """Return a stand-in for `pynvml` on a machine with these cards."""

    def init() -> None:
        if not has_driver:
            raise NVMLError("driver not found")

    def memory(card: int) -> SimpleNamespace:
        if not answers:
            raise NVMLError("the card has fallen off the bus")
        return SimpleNamespace(free=free_bytes[card])

    return SimpleNamespace(
        NVMLError=NVMLError,
        nvmlInit=init,
        nvmlDeviceGetCount=lambda: len(free_bytes),
        nvmlDeviceGetHandleByIndex=lambda number: number,
        nvmlDeviceGetMemoryInfo=memory,
    )


@pytest.fixture(autouse=True)
def _ask_anew() -> Iterator[None]:
    vram._library.cache_clear()
    yield
    vram._library.cache_clear()


@pytest.mark.parametrize(
    ("installed", "free_bytes"),
    [
        pytest.param(None, None, id="the extra is not installed"),
        pytest.param(library(1, has_driver=False), None, id="there is no driver"),
        pytest.param(library(), None, id="there is no card"),
        pytest.param(library(1, answers=False), None, id="the card doesn't answer"),
        pytest.param(library(5), 5, id="one card"),
        pytest.param(library(5, 7), 12, id="two cards"),
        pytest.param(library(0), 0, id="a full card"),
    ],
)
def test_free_memory(
    installed: SimpleNamespace | None,
    free_bytes: int | None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", installed)
    assert vram.vram_free_bytes() == free_bytes
    assert caplog.records == []  # a machine without a card is nothing to warn of


def test_cards_are_watched_only_for_engines_that_may_use_them() -> None:
    assert not may_use_gpu(Settings())
    assert may_use_gpu(Settings.model_validate({"llama_server": "/opt/llama-server"}))
    assert may_use_gpu(Settings.model_validate({"engine": "ollama"}))

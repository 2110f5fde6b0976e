"""Graphics cards: their library as NVIDIA documents it, and machines that have none."""

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace

import pytest

from node_backend import report, vram
from node_backend.config import Settings
from node_backend.core.machine import MIB, Sample, Thresholds, usable_vram_mib
from node_backend.core.resident import Limits
from node_backend.guard import Guard
from node_backend.manager import Manager
from node_backend.service import build, may_use_gpu
from tests.node_backend.fake_engine import FakeEngine
from tests.node_backend.waiting import until

LIMITS = Limits(slots=3, queue=0)


class NVMLError(Exception):
    """What the library raises for everything."""


def library(
    *free_bytes: int,
    has_driver: bool = True,
    answers: bool = True,
    processes: dict[int, int | None] | None = None,
) -> SimpleNamespace:
    """Return a stand-in for `pynvml` on a machine with these cards, of which 100 bytes are used.

    `processes` compute on each of them; None: the cards don't tell.
    """

    def init() -> None:
        if not has_driver:
            raise NVMLError("driver not found")

    def memory(card: int) -> SimpleNamespace:
        if not answers:
            raise NVMLError("the card has fallen off the bus")
        return SimpleNamespace(free=free_bytes[card], used=100)

    def running(_: int) -> list[SimpleNamespace]:
        if processes is None:
            raise NVMLError("not supported")
        return [SimpleNamespace(pid=pid, usedGpuMemory=held) for pid, held in processes.items()]

    return SimpleNamespace(
        NVMLError=NVMLError,
        nvmlInit=init,
        nvmlDeviceGetCount=lambda: len(free_bytes),
        nvmlDeviceGetHandleByIndex=lambda number: number,
        nvmlDeviceGetMemoryInfo=memory,
        nvmlDeviceGetComputeRunningProcesses=running,
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
    reading = vram.read_vram()
    assert (reading.free_bytes if reading else None) == free_bytes
    assert caplog.records == []  # a machine without a card is nothing to warn of


def test_cards_are_watched_only_for_engines_that_may_use_them() -> None:
    assert not may_use_gpu(Settings())
    assert may_use_gpu(Settings.model_validate({"llama_server": "/opt/llama-server"}))
    assert may_use_gpu(Settings.model_validate({"engine": "ollama"}))
    for url, is_here in (("http://127.0.0.1:8000/v1", True), ("https://gpu.example/v1", False)):
        chosen = Settings.model_validate({"engine": "openai", "engine_url": url})
        assert may_use_gpu(chosen) is is_here


@pytest.mark.parametrize(
    ("installed", "held_bytes"),
    [
        pytest.param(library(5, 7, processes={1: 30, 2: 40, 3: 9}), 140, id="ours on two cards"),
        pytest.param(library(5, processes={3: 100}), 100, id="nothing that is known to be ours"),
        pytest.param(library(5, processes={1: None}), 100, id="it doesn't say how much"),
        pytest.param(library(5, 7), 200, id="it doesn't say who"),
    ],
)
def test_what_is_held_is_ours_or_where_nobody_says_anybodys(
    installed: SimpleNamespace, held_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", installed)
    reading = vram.read_vram()
    assert reading is not None
    assert reading.held_bytes({1, 2}) == held_bytes


@pytest.mark.parametrize(
    ("free_mib", "held_mib", "is_loaded", "usable_mib"),
    [
        (50.0, 20_000.0, True, 20_050.0),
        (50.0, 20_000.0, False, 50.0),
        (None, 0.0, True, None),
    ],
)
def test_what_a_loaded_model_has_is_usable(
    free_mib: float | None, held_mib: float, *, is_loaded: bool, usable_mib: float | None
) -> None:
    sample = Sample(0.0, 8000.0, vram_free_mib=free_mib, vram_held_mib=held_mib)
    assert usable_vram_mib(sample, is_loaded=is_loaded) == usable_mib


async def test_health_counts_a_card_that_is_full_of_its_own_model_as_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And a node whose card is full of others' things says so, until its model is loaded."""
    card = library(40 * MIB, processes={os.getpid(): 9000 * MIB})
    monkeypatch.setitem(sys.modules, "pynvml", card)
    with_fake = replace(
        build(Settings.model_validate({"llama_server": "/opt/llama-server"})),
        manager=Manager(
            lambda _: FakeEngine(), Guard(lambda: Sample(0, 9000), Thresholds(100, 0)), LIMITS
        ),
    )
    assert report.health(with_fake).vram_free_mb == 40
    await with_fake.manager.start(with_fake.catalog.default)
    await until(lambda: report.health(with_fake).state == "ready")
    told = report.health(with_fake)
    assert (told.vram_free_mb, told.slots) == (9040, LIMITS.slots)
    await with_fake.manager.stop()

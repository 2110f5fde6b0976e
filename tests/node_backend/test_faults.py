"""What dies, and what is left of it: engines and nodes killed, models missing or corrupt."""

import asyncio
import os
import re
import signal
from pathlib import Path

import psutil
import pytest

from tests.node_backend.nodes import NodeProcess, running_node, until_gone
from tests.node_backend.waiting import until

pytestmark = pytest.mark.e2e

ENDLESS: dict[str, object] = {"prompt": "import ", "max_tokens": 4000}


@pytest.fixture
def arguments(reciting_model: Path) -> list[str]:
    return ["--model", str(reciting_model), "--context", "8192"]


async def test_an_engine_killed_while_it_generates_costs_that_one_request(
    arguments: list[str],
) -> None:
    with running_node(*arguments) as node:
        async with node.client() as node.http:
            await node.until_ready()
            pid = await node.engine_pid()
            events = []
            async for event, data in node.stream(**ENDLESS):
                events.append((event, data))
                if data.get("total_tokens") == 3:
                    os.kill(pid, signal.SIGKILL)
            assert events[-1][1]["error"] == "engine-failed"
            assert [data.get("done") for _, data in events].count(True) == 1
            answer = await node.infer(prompt="import ", max_tokens=4)
            assert answer.total_tokens == 4
            stats = await node.stats()
            assert (stats.failed_total, stats.completed_total) == (1, 1)
            assert stats.engine_restarts_total == 1
            assert stats.engine_pid not in (None, pid)


async def test_an_engine_killed_without_streaming_is_a_bad_gateway(arguments: list[str]) -> None:
    with running_node(*arguments) as node:
        async with node.client() as node.http:
            await node.until_ready()
            pid = await node.engine_pid()

            request = asyncio.create_task(node.ask(**ENDLESS))
            await node.until_slots(busy=1)
            os.kill(pid, signal.SIGKILL)
            response = await request
            assert response.status_code == 502
            assert response.json()["error"]["code"] == "engine-failed"


async def test_an_engine_killed_while_idle_costs_nothing(own_node: NodeProcess) -> None:
    for _ in range(2):
        os.kill(await own_node.engine_pid(), signal.SIGKILL)
        assert (await own_node.ask(prompt="import ", max_tokens=2)).status_code == 200
        await own_node.until_ready()
    assert (await own_node.stats()).failed_total == 0


async def test_an_engine_that_hangs_is_killed_and_replaced(arguments: list[str]) -> None:
    with running_node(*arguments, CEREBRUM_NODE_STALL_TIMEOUT_S="1.5") as node:
        async with node.client() as node.http:
            await node.until_ready()
            engine = psutil.Process(await node.engine_pid())
            events = []
            async for event, data in node.stream(**ENDLESS):
                events.append((event, data))
                if data.get("total_tokens") == 3:
                    engine.suspend()
            assert events[-1][1]["error"] == "engine-failed"
            await until_gone(engine.pid)
            assert (await node.infer(prompt="import ", max_tokens=2)).total_tokens == 2


@pytest.mark.parametrize("stage", ["loading", "generating", "idle"])
async def test_a_killed_node_leaves_no_engine_behind(arguments: list[str], stage: str) -> None:
    with running_node(*arguments) as node:
        async with node.client() as node.http:
            if stage == "loading":
                await until(lambda: bool(psutil.Process(node.pid).children()))
            else:
                await node.until_ready()
            [engine] = psutil.Process(node.pid).children(recursive=True)
            if stage == "generating":
                async with node.streaming_until("token", **ENDLESS):
                    os.kill(node.pid, signal.SIGKILL)
                    node.process.wait()
            else:
                os.kill(node.pid, signal.SIGKILL)
        await until_gone(engine.pid)


@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "lifeline"])
async def test_a_node_that_is_asked_to_end_ends_its_engine_first(how: str) -> None:
    with running_node() as node:
        async with node.client() as node.http:
            await node.until_ready()
            engine = await node.engine_pid()
        if how == "lifeline":
            assert node.process.stdin is not None
            node.process.stdin.close()
        else:
            os.kill(node.pid, getattr(signal, how))
        await until_gone(node.pid)
        assert not psutil.pid_exists(engine)
        assert node.process.wait() == 0


async def test_a_node_can_be_started_again_on_its_port() -> None:
    with running_node() as node:
        port = node.port
        os.kill(node.pid, signal.SIGKILL)
        node.process.wait()
        with running_node("--port", str(port)) as second:
            async with second.client() as second.http:
                assert second.port == port
                assert (await second.infer(prompt="x", max_tokens=1)).total_tokens == 1


def broken_models(folder: Path, good: Path) -> dict[str, Path]:
    whole = good.read_bytes()
    contents = {
        "missing": None,
        "empty": b"",
        "no-gguf": b"this is not a model" * 100,
        "truncated": whole[: len(whole) // 2],
        "corrupt": whole[:64] + b"\xff" * 4096 + whole[4160:],
    }
    for name, content in contents.items():
        if content is not None:
            (folder / f"{name}.gguf").write_bytes(content)
    return {name: folder / f"{name}.gguf" for name in contents}


REASONS = {
    "missing": "there is no model file missing.gguf",
    "empty": "the model can't be loaded",
    "no-gguf": "the model can't be loaded",
    "truncated": "the model can't be loaded: .*corrupted or incomplete",
    "corrupt": "the model can't be loaded",
}


@pytest.mark.parametrize("name", REASONS)
async def test_a_model_that_cannot_be_loaded_is_said_and_not_tried_again_and_again(
    tmp_path: Path, reciting_model: Path, name: str
) -> None:
    path = broken_models(tmp_path, reciting_model)[name]
    with running_node("--model", str(path)) as node:
        async with node.client() as node.http:

            async def has_failed() -> bool:
                return (await node.health()).state == "failed"

            await until(has_failed)
            health = await node.health()
            assert (health.status, health.accepting) == ("down", False)
            assert re.match(REASONS[name], health.reason or "")
            assert str(tmp_path) not in (health.reason or "")  # it is open to all
            response = await node.ask(prompt="x")
            assert response.status_code == 502
            error = response.json()["error"]
            assert (error["code"], error["message"]) == ("model-failed", health.reason)
            assert 0 < error["retry_after_s"] <= 30
            [(_, end)] = [event for event in await node.collect(prompt="x") if "done" in event[1]]
            assert (end["error"], end["done"]) == ("model-failed", True)
            assert (await node.stats()).failed_total == 2


async def test_a_model_that_appears_later_is_loaded(tmp_path: Path, reciting_model: Path) -> None:
    path = tmp_path / "late.gguf"
    with running_node("--model", str(path)) as node:
        async with node.client() as node.http:
            assert (await node.ask(prompt="x")).status_code == 502
            path.symlink_to(reciting_model)
            await node.until_ready()
            assert (await node.infer(prompt="x", max_tokens=1)).model == "late"

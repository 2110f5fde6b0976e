"""`--llama-server`: a binary of the user's own as the engine, through the same adapter.

The real one is used where CEREBRUM_TEST_LLAMA_SERVER or the PATH has it.
"""

import asyncio
import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from node_backend.models import bundled_path
from tests.node_backend import fake_llama_server
from tests.node_backend.nodes import running_node, until_gone
from tests.node_backend.waiting import until

pytestmark = pytest.mark.e2e


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return tmp_path / "record.json"


@pytest.fixture
def fake_server(tmp_path: Path) -> Path:
    script = tmp_path / "llama-server"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} {fake_llama_server.__file__} "$@"\n')
    script.chmod(0o755)
    return script


def recorded(record: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(record.read_text())
    return found


async def test_the_binary_is_run_with_the_nodes_settings_and_the_key_only_in_its_environment(
    fake_server: Path, record: Path
) -> None:
    arguments = ["--llama-server", str(fake_server), "--slots", "3", "--context", "512"]
    with running_node(*arguments, FAKE_SERVER_RECORD=str(record)) as node:
        async with node.client() as node.http:
            await node.until_ready()
            answer = await node.infer(prompt="abc", max_tokens=1)
            assert (answer.text, answer.finish_reason) == ("fake", "length")
            stats = await node.stats()
            assert [(slot.id, slot.busy) for slot in stats.slots] == [(0, False)]
            found = recorded(record)
            assert stats.engine_pid == found["pid"]  # the process that was started, turned into it
    argv, environment = found["argv"], found["environment"]
    options = dict(zip(argv[0:-1:2], argv[1::2], strict=True))
    assert argv[-1] == "--slots"
    assert options["--model"] == str(bundled_path())
    assert options["--host"] == "127.0.0.1"
    assert (options["--ctx-size"], options["--parallel"]) == (str(3 * 512), "3")
    assert (options["--threads"], options["--threads-batch"]) == ("1", "1")
    assert environment["LLAMA_API_KEY"]
    assert environment["LLAMA_API_KEY"] not in " ".join(argv)
    assert "CEREBRUM_ENGINE_KEY" not in environment


async def test_while_the_model_loads_the_node_answers_and_requests_wait(
    fake_server: Path, record: Path, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    environment = {"FAKE_SERVER_RECORD": str(record), "FAKE_SERVER_GATE": str(gate)}
    with running_node("--llama-server", str(fake_server), **environment) as node:
        async with node.client() as node.http:
            health = await node.health()
            assert (health.state, health.status, health.accepting) == ("loading", "ok", True)
            async with node.streaming_until("loading", prompt="abc"):
                waiting = asyncio.create_task(node.infer(prompt="abc", max_tokens=1))
                cleanup = await node.http.post("/v1/cleanup")
                assert cleanup.json() == {"unloaded": [], "skipped_active": ["cerebrum-tiny"]}
            gate.touch()
            assert (await waiting).timings.load_ms > 0
            assert (await node.stats()).cancelled_total == 1


async def test_a_node_told_to_end_while_it_loads_ends(
    fake_server: Path, record: Path, tmp_path: Path
) -> None:
    environment = {"FAKE_SERVER_RECORD": str(record), "FAKE_SERVER_GATE": str(tmp_path / "gate")}
    with running_node("--llama-server", str(fake_server), **environment) as node:
        await until(record.exists)
        os.kill(node.pid, signal.SIGTERM)
        assert node.process.wait(20) == 0


async def test_the_binary_dies_with_a_killed_node(fake_server: Path, record: Path) -> None:
    with running_node("--llama-server", str(fake_server), FAKE_SERVER_RECORD=str(record)) as node:
        async with node.client() as node.http:
            await node.until_ready()
        os.kill(node.pid, signal.SIGKILL)
        await until_gone(recorded(record)["pid"])


async def test_a_killed_binary_is_run_again(fake_server: Path, record: Path) -> None:
    with running_node("--llama-server", str(fake_server), FAKE_SERVER_RECORD=str(record)) as node:
        async with node.client() as node.http:
            await node.until_ready()
            first = await node.engine_pid()
            os.kill(first, signal.SIGKILL)
            assert (await node.infer(prompt="abc", max_tokens=1)).text == "fake"
            assert await node.engine_pid() != first


@pytest.mark.parametrize(
    ("binary", "mode", "reason"),
    [("fake", "--fail", "unknown model architecture"), ("/no/such/llama-server", "", "can't run")],
)
async def test_a_binary_that_does_not_work_is_said(
    fake_server: Path, record: Path, binary: str, mode: str, reason: str
) -> None:
    path = str(fake_server) if binary == "fake" else binary
    environment = {"FAKE_SERVER_RECORD": str(record), "FAKE_SERVER_MODE": mode}
    with running_node("--llama-server", path, **environment) as node:
        async with node.client() as node.http:

            async def has_failed() -> bool:
                return (await node.health()).state == "failed"

            await until(has_failed)
            assert reason in str((await node.health()).reason)
            response = await node.ask(prompt="abc")
            assert (response.status_code, response.json()["error"]["code"]) == (
                502,
                "model-failed",
            )


@pytest.fixture
def real_server() -> str:
    found = os.environ.get("CEREBRUM_TEST_LLAMA_SERVER") or shutil.which("llama-server")
    if not found:
        pytest.skip("no llama-server: set CEREBRUM_TEST_LLAMA_SERVER or put one on the PATH")
    return found


async def test_a_real_llama_server_completes_and_is_freed_and_replaced(
    real_server: str, reciting_model: Path
) -> None:
    arguments = ["--llama-server", real_server, "--model", str(reciting_model)]
    with running_node(*arguments) as node:
        async with node.client() as node.http:
            await node.until_ready()
            infill = {"prefix": "x = <|fim_suffix|>", "suffix": "\n"}
            answer = await node.infer(infill=infill, max_tokens=20)
            assert answer.text.startswith("ab\né🎉日ab")
            assert answer.usage.prompt_tokens > 10
            again = await node.infer(infill=infill, max_tokens=2)
            assert again.usage.cached_tokens >= again.usage.prompt_tokens - 1
            async with node.streaming_until("token", prompt="x", max_tokens=2000):
                await node.until_slots(busy=1)
            await node.until_slots(busy=0)
            pid = await node.engine_pid()
            events = []
            async for _, data in node.stream(prompt="x", max_tokens=2000):
                events.append(data)
                if data.get("total_tokens") == 1:
                    os.kill(pid, signal.SIGKILL)
            assert events[-1]["error"] == "engine-failed"
            assert (await node.infer(prompt="x", max_tokens=2)).text == "ab"
            engine = psutil.Process(await node.engine_pid())
        os.kill(node.pid, signal.SIGKILL)
        await until_gone(engine.pid)

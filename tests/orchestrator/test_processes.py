"""The orchestrator as a real process; with `--local`, the real node and engine below it."""

import asyncio
import json
import signal
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from cerebrum_kit.child import Child, ChildSpec
from orchestrator.wire import LocalPool
from tests.e2e.processes import child_running, eventually, isolated, kill, service, until_gone
from tests.fakes.behaviours import hang_after, ok
from tests.fakes.node import WAIT_S, FakeNode
from tests.fakes.pacing import Stepped

pytestmark = pytest.mark.e2e

ASK: dict[str, object] = {"prompt": "def add(a, b):\n    return", "max_tokens": 8}
KEY_NAME = "CEREBRUM_ORCHESTRATOR_KEY"


@asynccontextmanager
async def client(url: str, key: str) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"X-API-Key": key}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60.0) as http:
        yield http


@dataclass
class Local:
    """A local pool: its process, what its file says, and a client for it."""

    child: Child
    file: Path
    told: LocalPool
    http: httpx.AsyncClient

    async def node(self) -> dict[str, Any]:
        nodes: list[dict[str, Any]] = (await self.http.get("/v1/nodes")).json()
        return nodes[0]


@asynccontextmanager
async def local_pool(tmp_path: Path, *arguments: str) -> AsyncIterator[Local]:
    argv = [sys.executable, "-m", "orchestrator", "serve", "--local", "--announce", *arguments]
    environment = {**isolated(tmp_path), KEY_NAME: ""}
    child = await Child.start(ChildSpec("orchestrator", argv, environment))
    file = Path(environment["CEREBRUM_RUNTIME_DIR"]) / "pool.json"
    try:
        told = LocalPool.model_validate_json(file.read_bytes())
        async with client(f"http://127.0.0.1:{told.port}", told.key) as http:
            yield Local(child, file, told, http)
    finally:
        await child.stop()


async def test_local_pool_tells_its_user_and_nobody_else_where_it_is(tmp_path: Path) -> None:
    async with local_pool(tmp_path) as pool:
        assert stat.S_IMODE(pool.file.stat().st_mode) == 0o600
        assert pool.told.pid == pool.child.pid == pool.child.announced["pid"]
        assert pool.told.port == pool.child.announced["port"]
        assert len(pool.told.key) >= 32
        refused = await pool.http.post("/v1/complete", json=ASK, headers={"X-API-Key": "guess"})
        assert refused.status_code == 401
    assert not pool.file.exists()


async def test_first_request_waits_for_the_node_and_is_answered_by_the_model(
    tmp_path: Path,
) -> None:
    async with local_pool(tmp_path) as pool:
        answer = await pool.http.post("/v1/complete", json=ASK)
        assert answer.status_code == 200, answer.text
        assert answer.json()["node"] == "local"
        assert answer.json()["usage"]["completion_tokens"] > 0
        streamed = await pool.http.post("/v1/complete", json={**ASK, "stream": True})
        assert streamed.text.startswith("event: route\n")
        assert streamed.text.count('"done":true') == 1


async def test_node_that_was_killed_comes_back_and_the_next_request_works(tmp_path: Path) -> None:
    async with local_pool(tmp_path) as pool:
        assert (await pool.http.post("/v1/complete", json=ASK)).status_code == 200
        node_pid = child_running(pool.child.pid, "node_backend")
        descendants = psutil.Process(node_pid).children(recursive=True)
        kill(node_pid)
        await until_gone(node_pid)
        statuses = []

        async def works() -> bool:
            statuses.append((await pool.http.post("/v1/complete", json=ASK)).status_code)
            return statuses[-1] == 200

        await eventually(works, "an answer after the node was killed")
        # The end of the node may still have been unnoticed when the first one was sent.
        assert [status for status in statuses[:-1] if status not in (502, 503)] == []
        assert len(statuses) <= 3
        assert child_running(pool.child.pid, "node_backend") != node_pid
        for descendant in descendants:
            await until_gone(descendant.pid)


async def test_node_and_engine_end_with_an_orchestrator_that_was_killed(tmp_path: Path) -> None:
    async with local_pool(tmp_path) as pool:
        assert (await pool.http.post("/v1/complete", json=ASK)).status_code == 200
        below = psutil.Process(pool.child.pid).children(recursive=True)
        assert len(below) >= 2, "a node and an engine"
        kill(pool.child.pid)
        for process in below:
            await until_gone(process.pid)


async def test_local_pool_ends_when_nobody_has_been_there_for_a_while(tmp_path: Path) -> None:
    async with local_pool(tmp_path, "--linger-s", "1.5") as pool:
        below = psutil.Process(pool.child.pid).children(recursive=True)
        assert await asyncio.wait_for(pool.child.wait(), 30) == 0
        assert not pool.file.exists()
        for process in below:
            await until_gone(process.pid)


async def test_local_pool_stays_while_an_editor_is_there(tmp_path: Path) -> None:
    async with local_pool(tmp_path, "--linger-s", "2.0") as pool:
        async with pool.http.stream("GET", "/v1/events") as events:
            lines = events.aiter_lines()
            assert await anext(lines) == "event: state"
            await asyncio.sleep(2.5)  # what is pinned here is that nothing happens
            assert pool.child.is_running
            assert (await pool.http.get("/v1/stats")).json()["editors"] == 1
        assert await asyncio.wait_for(pool.child.wait(), 30) == 0


async def test_file_of_another_pool_is_left_alone(tmp_path: Path) -> None:
    async with local_pool(tmp_path) as pool:
        others = LocalPool(pid=1, port=1, key="k", version="0").model_dump_json()
        pool.file.write_text(others)
    assert pool.file.read_text() == others


async def test_told_to_end_it_lets_running_requests_finish_and_editors_go(tmp_path: Path) -> None:
    async with FakeNode() as node, remote_pool(node, tmp_path) as (child, http):
        pace = Stepped()
        node.behaviour = ok(pace=pace)
        async with http.stream("GET", "/v1/events") as events:
            lines = events.aiter_lines()
            assert await anext(lines) == "event: state"
            running = asyncio.create_task(http.post("/v1/complete", json={**ASK, "stream": True}))
            await node.next_request()
            child.send_signal(signal.SIGTERM)
            async with asyncio.timeout(WAIT_S):
                async for _ in lines:
                    pass
        assert not running.done()
        pace.finish()
        assert '"done":true' in (await running).text
        assert "error" not in (await running).text


async def test_told_to_end_it_ends_what_does_not_finish_in_words(tmp_path: Path) -> None:
    async with FakeNode() as node, remote_pool(node, tmp_path, drain_s="0.3") as (child, http):
        node.behaviour = hang_after(["a"])
        running = asyncio.create_task(http.post("/v1/complete", json={**ASK, "stream": True}))
        await node.next_request()
        child.send_signal(signal.SIGTERM)
        last = (await running).text.strip().split("\n\n")[-1]
        told = json.loads(last.removeprefix("data: "))
        assert (told["done"], told["error"]) == (True, "no-node")
        await node.next_cancellation()


@asynccontextmanager
async def remote_pool(
    node: FakeNode, tmp_path: Path, drain_s: str = "4.5"
) -> AsyncIterator[tuple[psutil.Process, httpx.AsyncClient]]:
    """Run an orchestrator process on `node`; it must end well by itself or be told to."""
    environment = {**isolated(tmp_path), "CEREBRUM_ORCHESTRATOR_DRAIN_S": drain_s}
    async with service(
        "orchestrator", "--node", node.url, key_name=KEY_NAME, environment=environment
    ) as running:
        async with client(running.url, running.key) as http:
            yield psutil.Process(running.child.pid), http
        assert await asyncio.wait_for(running.child.wait(), WAIT_S) == 0


REFUSALS: list[tuple[list[str], str]] = [
    (["--host", "0.0.0.0"], "without a key"),  # noqa: S104 - that is the point
    (["--config", "/nonexistent.toml"], "no configuration file"),
    (["--node", "not-an-address"], "nodes.0.url"),
]


@pytest.mark.parametrize(("arguments", "words"), REFUSALS)
async def test_what_it_can_not_do_it_says_and_ends(
    tmp_path: Path, arguments: list[str], words: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "orchestrator", "serve", "--port", "0", *arguments],
        env={**isolated(tmp_path), "PATH": ""},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    assert out == b""
    assert words in err.decode()
    assert "Traceback" not in err.decode()

"""A changed configuration is taken over while streams run; a faulty one changes nothing."""

import asyncio
import os
import signal
from pathlib import Path

import httpx
import pytest

from orchestrator.config import Config, load
from orchestrator.reload import Reloader
from tests.e2e.processes import eventually, isolated
from tests.e2e.processes import service as process
from tests.fakes.behaviours import ok
from tests.fakes.node import WAIT_S, FakeNode
from tests.fakes.pacing import Stepped


def table(name: str, node: FakeNode) -> str:
    return f'[[nodes]]\nname = "{name}"\nurl = "{node.url}"\n'


@pytest.mark.e2e
async def test_node_leaves_and_another_comes_while_a_stream_runs(tmp_path: Path) -> None:
    file, log = tmp_path / "pool.toml", tmp_path / "log"
    async with FakeNode() as one, FakeNode() as other:
        pace = Stepped()
        one.behaviour = ok(["a", "b", "c"], pace)
        file.write_text(table("one", one))
        async with (
            process(
                "orchestrator",
                "--config",
                str(file),
                "--log-file",
                str(log),
                key_name="CEREBRUM_ORCHESTRATOR_KEY",
                environment=isolated(tmp_path),
            ) as running,
            httpx.AsyncClient(base_url=running.url, headers=running.headers, timeout=30) as http,
        ):

            async def names() -> list[str]:
                nodes = (await http.get("/v1/nodes")).json()
                return [node["name"] for node in nodes if node["state"] == "ready"]

            async def has_one() -> bool:
                return await names() == ["one"]

            async def has_other() -> bool:
                return await names() == ["other"]

            async def is_rejected() -> bool:
                return "config.rejected" in log.read_text()

            await eventually(has_one, "the first node being ready")
            asking = asyncio.create_task(http.post("/v1/complete", json={"prompt": "x"}))
            await one.next_request()
            pace.step()
            file.write_text("max_queued = 3\n" + table("other", other))
            await eventually(has_other, "the second node in the first one's place")
            file.write_text("max_queued = -1\n" + table("one", one))
            os.kill(running.child.pid, signal.SIGHUP)
            await eventually(is_rejected, "the word that the file has a fault")
            assert await names() == ["other"]
            pace.finish()
            answer = (await asyncio.wait_for(asking, WAIT_S)).json()
            assert (answer["text"], answer["node"]) == ("abc", "one")
            answer = (await http.post("/v1/complete", json={"prompt": "y"})).json()
            assert answer["node"] == "other"
        assert "config.reloaded nodes=1" in log.read_text()
        assert "max_queued" in log.read_text()


async def test_reload_reads_again_and_says_what_needs_a_restart(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "pool.toml"
    file.write_text("port = 7100\n")
    taken: list[Config] = []

    async def apply(config: Config) -> None:
        taken.append(config)

    reloader = Reloader(file, lambda: load(file, host="127.0.0.1"), apply)
    file.write_text("port = 7200\nmax_queued = 2\n")
    with caplog.at_level("WARNING"):
        await reloader.reload()
    assert [config.max_queued for config in taken] == [2]
    assert "config.needs_restart setting=port" in caplog.text
    file.write_text("max_queued = \n")
    await reloader.reload()
    file.unlink()
    await reloader.reload()
    assert len(taken) == 1

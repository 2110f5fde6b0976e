"""`cerebrum-lsp doctor` as a user runs it, against real services in trouble."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from node_backend.wire import ModelInfo
from tests.e2e.processes import Service, isolated, service
from tests.fakes.behaviours import MODEL
from tests.fakes.node import FakeNode

pytestmark = pytest.mark.e2e


@contextlib.asynccontextmanager
async def pool(folder: Path, node: FakeNode) -> AsyncIterator[Service]:
    key_name = "CEREBRUM_ORCHESTRATOR_KEY"
    environment = isolated(folder)
    async with service(
        "orchestrator", "--node", node.url, key_name=key_name, environment=environment
    ) as orchestrator:
        yield orchestrator


def spoken_to(orchestrator: Service, **changes: str) -> dict[str, str]:
    return {
        "CEREBRUM_ORCHESTRATOR_URL": orchestrator.url,
        "CEREBRUM_ORCHESTRATOR_KEY": orchestrator.key,
        **changes,
    }


async def examined(folder: Path, environment: Mapping[str, str]) -> tuple[int | None, Any]:
    """Return the exit status, and each check by its name."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "cerebrum_lsp", "doctor", "--json"),
        env={**os.environ, **isolated(folder), **environment},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 50)
    report = json.loads(output)
    return process.returncode, {check["name"]: check for check in report["checks"]}


async def test_a_pool_that_is_well(tmp_path: Path) -> None:
    async with FakeNode() as node, pool(tmp_path, node) as orchestrator:
        status, checks = await examined(tmp_path, spoken_to(orchestrator))
        assert status == 0
        assert checks["pool"]["verdict"] == checks["completion"]["verdict"] == "ok"
        assert checks["grammars"]["verdict"] == "ok"


async def test_a_wrong_key(tmp_path: Path) -> None:
    async with FakeNode() as node, pool(tmp_path, node) as orchestrator:
        wrong = spoken_to(orchestrator, CEREBRUM_ORCHESTRATOR_KEY="wrong")
        status, checks = await examined(tmp_path, wrong)
        assert (status, checks["pool"]["verdict"]) == (1, "broken")
        assert "does not accept the key" in checks["pool"]["finding"]
        assert "wrong" not in checks["pool"]["next_step"], "no key is printed"


async def test_a_dead_node(tmp_path: Path) -> None:
    async with FakeNode() as node, pool(tmp_path, node) as orchestrator:
        await node.die()
        status, checks = await examined(tmp_path, spoken_to(orchestrator))
        name = next(name for name in checks if name.startswith("node "))
        assert (status, checks[name]["verdict"]) == (1, "broken")
        assert "can't be reached" in checks[name]["finding"]


async def test_a_model_without_fill_in_the_middle(tmp_path: Path) -> None:
    async with FakeNode() as node:
        node.models = [ModelInfo(name=MODEL, size_bytes=1, loaded=True, fim=False)]
        async with pool(tmp_path, node) as orchestrator:
            _, checks = await examined(tmp_path, spoken_to(orchestrator))
            assert checks[f"model {MODEL}"]["verdict"] == "warning"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:1", "Nobody answers"),
        ("127.0.0.1:7000", "no address"),
        ("http://no-such-host.invalid:7000", "Nobody answers"),
    ],
)
async def test_an_address_where_no_pool_is(tmp_path: Path, url: str, said: str) -> None:
    status, checks = await examined(tmp_path, {"CEREBRUM_ORCHESTRATOR_URL": url})
    assert (status, said in checks["pool"]["finding"]) == (1, True)
    assert checks["completion"]["verdict"] == "skipped"


async def test_something_else_on_the_port(tmp_path: Path) -> None:
    async with FakeNode() as node:
        _, checks = await examined(tmp_path, {"CEREBRUM_ORCHESTRATOR_URL": node.url})
        assert "no Cerebrum pool" in checks["pool"]["finding"]


async def test_this_machine(tmp_path: Path) -> None:
    """Threads, an engine without its library, a runtime file that is out of date."""
    broken = tmp_path / "modules"
    broken.mkdir()
    words = "libgomp.so.1: cannot open shared object file: No such file or directory"
    (broken / "xllamacpp.py").write_text(f"raise ImportError({words!r})\n")
    isolated(tmp_path)
    left = {"pid": 2**22, "port": 1, "key": "k", "version": "0"}
    (tmp_path / "run" / "pool.json").write_text(json.dumps(left))
    environment = {
        "CEREBRUM_ORCHESTRATOR_URL": "http://127.0.0.1:1",
        "CEREBRUM_NODE_THREADS": "512",
        "PYTHONPATH": str(broken),
    }
    _, checks = await examined(tmp_path, environment)
    assert "libgomp is missing" in checks["engine"]["finding"]
    assert "libgomp1" in checks["engine"]["next_step"]
    assert "512 threads" in checks["threads (CEREBRUM_NODE_THREADS)"]["finding"]
    assert checks["runtime file"]["verdict"] == "warning"


async def test_a_runtime_folder_that_others_can_write_to(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir(mode=0o700)
    (tmp_path / "run").chmod(0o777)
    status, checks = await examined(tmp_path, {})
    assert (status, checks["runtime folder"]["verdict"]) == (1, "broken")
    assert "chmod 700" in checks["runtime folder"]["next_step"]

"""The OpenAPI description and the answers agree: schemathesis asks whatever the description allows.

A refusal in words (501 to 504) is an answer; a 500, an undocumented status, content type or shape
is not.
"""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.fakes.node import FakeNode
from tests.orchestrator.pool import service

CONFIG = """
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", 501, 502, 503, 504]
"""
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance"
MAX_TIME_S = 20


@pytest.mark.e2e
async def test_answers_are_as_described(tmp_path: Path) -> None:
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG)
    async with FakeNode() as node, service(node, max_queued=64) as pool:
        process = await asyncio.create_subprocess_exec(
            *[str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(config)],
            *["run", f"{pool.url}/openapi.json", "--phases", "coverage,fuzzing"],
            *["--checks", f"{CHECKS},response_schema_conformance", "--max-examples", "3"],
            *["--exclude-path", "/v1/events"],  # it never ends
            *["--max-time", str(MAX_TIME_S), "--seed", "1", "--generation-database", "none"],
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        told, _ = await asyncio.wait_for(process.communicate(), 55)
        assert process.returncode == 0, told.decode()[-6000:]
        assert node.requests

"""A real node in a process of its own, and what tests ask of it."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

import httpx
import psutil
from httpx_sse import EventSource

from cerebrum_kit.lifeline import LIFELINE_ENV
from node_backend.wire import Health, InferenceResponse, Stats
from tests.node_backend.waiting import PATIENCE_S, until

KEY = "test-key"
Event = tuple[str, dict[str, Any]]


class NodeProcess:
    """A node process, and a client of it."""

    def __init__(self, process: subprocess.Popen[bytes], announced: dict[str, Any]) -> None:
        self.process = process
        self.pid: int = announced["pid"]
        self.port: int = announced["port"]
        self.url = f"http://127.0.0.1:{self.port}"
        self.http: httpx.AsyncClient

    def client(self) -> httpx.AsyncClient:
        """Return a client with the key, for one event loop."""
        return httpx.AsyncClient(
            base_url=self.url, headers={"X-API-Key": KEY}, timeout=PATIENCE_S, trust_env=False
        )

    async def health(self) -> Health:
        return Health.model_validate_json((await self.http.get("/health")).content)

    async def stats(self) -> Stats:
        return Stats.model_validate_json((await self.http.get("/v1/stats")).content)

    async def ask(self, **body: object) -> httpx.Response:
        """Send an inference request; return whatever comes back."""
        return await self.http.post("/v1/inference", json=body)

    async def infer(self, **body: object) -> InferenceResponse:
        """Send an inference request that must succeed."""
        answer = await self.ask(**body)
        assert answer.status_code == 200, answer.text
        return InferenceResponse.model_validate_json(answer.content)

    async def stream(self, **body: object) -> AsyncGenerator[Event, None]:
        """Yield a stream's events as (name, data); closing it closes the connection."""
        request = self.http.stream("POST", "/v1/inference", json={**body, "stream": True})
        async with request as answer:
            assert answer.status_code == 200, await answer.aread()
            async with aclosing(EventSource(answer).aiter_sse()) as events:
                async for event in events:
                    yield event.event, json.loads(event.data)

    @contextlib.asynccontextmanager
    async def streaming_until(self, is_reached: str, **body: object) -> AsyncIterator[list[Event]]:
        """Hold a stream open from the first token, or the first progress of that stage, on."""
        async with aclosing(self.stream(**body)) as events:
            seen: list[Event] = []
            async for event, data in events:
                seen.append((event, data))
                if is_reached in (data.get("stage"), "token" if "token" in data else None):
                    break
            else:
                raise AssertionError(f"the stream ended without {is_reached}: {seen[-1:]}")
            yield seen

    async def collect(self, **body: object) -> list[Event]:
        """Return all events of a stream."""
        async with aclosing(self.stream(**body)) as events:
            return [event async for event in events]

    async def until_ready(self) -> None:
        async def is_ready() -> bool:
            return (await self.health()).state == "ready"

        await until(is_ready)

    async def until_slots(self, *, busy: int) -> None:
        """Wait until the engine itself reports this many busy slots."""

        async def reports() -> bool:
            slots = (await self.stats()).slots
            return bool(slots) and sum(slot.busy for slot in slots) == busy

        await until(reports)

    async def engine_pid(self) -> int:
        pid = (await self.stats()).engine_pid
        assert pid is not None
        return pid


@contextlib.contextmanager
def running_node(*arguments: str, **environment: str) -> Iterator[NodeProcess]:
    """Run a node on a free port, with a key and one thread."""
    argv = [sys.executable, "-m", "node_backend", "serve", "--announce", "--port", "0"]
    process = subprocess.Popen(
        [*argv, "--threads", "1", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**clean_environment(), **environment},
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield NodeProcess(process, json.loads(process.stdout.readline()))
    finally:
        process.stdin.close()  # the lifeline
        try:
            process.wait(PATIENCE_S)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def clean_environment() -> dict[str, str]:
    """Return an environment without the user's own settings of Cerebrum.

    Nodes in it don't mind what else the machine does.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CEREBRUM_")}
    given = {"CEREBRUM_API_KEY": KEY, "CEREBRUM_NODE_MAX_OTHERS_CPU_PERCENT": "100"}
    return {**kept, **given, LIFELINE_ENV: "1"}


def is_alive(pid: int) -> bool:
    """Whether a process, ours or not, still runs."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def until_gone(pid: int) -> None:
    await until(lambda: not is_alive(pid))

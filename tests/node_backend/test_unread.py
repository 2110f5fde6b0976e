"""A client that never reads: it holds its slot for a bounded time."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator
from pathlib import Path

import uvicorn

from cerebrum_kit.serving import listen
from node_backend.app import create_app
from node_backend.core.machine import Sample, Thresholds
from node_backend.core.resident import Limits
from node_backend.engines.base import EngineEvent, Order, Piece
from node_backend.guard import Guard
from node_backend.manager import Manager
from node_backend.models import Catalog, Model
from node_backend.node import Node
from node_backend.probe import Probe
from tests.node_backend.fake_engine import FakeEngine
from tests.node_backend.waiting import until

SEND_TIMEOUT_S = 1.0
SMALL = 4096  # of the buffers between the two, so that they are soon full


class TalkativeEngine(FakeEngine):
    """Never stops."""

    pieces = 0

    async def generate(self, order: Order) -> AsyncGenerator[EngineEvent, None]:
        self.busy.add(order.slot)
        try:
            while True:
                self.pieces += 1
                yield Piece("x" * 1000, self.pieces)
                await asyncio.sleep(0)
        finally:
            self.busy.discard(order.slot)


async def test_a_client_that_never_reads_loses_its_connection_and_its_slot() -> None:
    engine = TalkativeEngine()
    guard = Guard(lambda: Sample(0.0, 8000.0), Thresholds(100, 0))
    manager = Manager(lambda _: engine, guard, Limits(slots=1, queue=1))
    catalog = Catalog((Model("tiny", Path("/nowhere/tiny.gguf"), 2048),))
    app = create_app(Node(manager, catalog, Probe(interval_s=60)))
    with listen("127.0.0.1", 0, SEND_TIMEOUT_S) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
        serving = asyncio.create_task(server._serve([listener]))
        await until(lambda: server.started)
        try:
            with socket.socket() as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
                client.connect(listener.getsockname())
                client.sendall(request())
                await until(lambda: engine.busy == {0})
                await until(lambda: manager.outcomes["cancelled"] == 1)
                assert (manager.active, engine.busy) == (0, set())
                assert engine.pieces < 10_000  # it had to wait for the client that did not read
        finally:
            server.should_exit = True
            await serving


def request() -> bytes:
    body = json.dumps({"prompt": "Say it:", "stream": True}).encode()
    head = (
        "POST /v1/inference HTTP/1.1\r\nHost: node\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body

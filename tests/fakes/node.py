"""A scripted node: speaks `node_backend/wire.py` over real HTTP on loopback, as it is told to.

async with FakeNode(key="secret") as node:
    node.behaviour = behaviours.cut_after(["def "])   # from now on; see behaviours.py
    node.health = node.health_of(accepting=False)     # what its /health says from now on
    ...
    asked = await node.next_request()                 # the InferenceRequest that it got
    await node.next_cancellation()                    # the client left before the end
    await node.die()                                  # all connections reset, port closed
    await node.start()                                # back, on the same port
"""

import asyncio
import contextlib
import ssl
from types import TracebackType
from typing import Self

from pydantic import ValidationError

from node_backend.wire import Health, InferenceRequest, ModelInfo, ModelList
from tests.fakes.behaviours import MODEL, Behaviour, ok
from tests.fakes.exchange import Exchange, read_exchange

WAIT_S = 15.0  # for what must come; long, since machines that run tests are busy


class FakeNode:
    """One node; lives in the event loop of its test. All its attributes may change at any time."""

    def __init__(self, key: str | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.key = key
        self.tls = tls
        self.port = 0
        self.behaviour: Behaviour = ok()
        self.health: Health | None = self.health_of()
        self.models = [ModelInfo(name=MODEL, size_bytes=1, loaded=True)]
        self.requests: list[InferenceRequest] = []
        self.running = 0
        self.probes = 0
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[object], asyncio.StreamWriter] = {}
        self._arrived: asyncio.Queue[InferenceRequest] = asyncio.Queue()
        self._cancelled: asyncio.Queue[InferenceRequest] = asyncio.Queue()

    @property
    def asked(self) -> list[InferenceRequest]:
        """The requests for an answer, without those to read a prompt ahead."""
        return [each for each in self.requests if each.purpose == "answer"]

    @property
    def url(self) -> str:
        """Its address; stays the same over a death."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @staticmethod
    def health_of(
        *, accepting: bool = True, reason: str | None = None, loading: bool = False
    ) -> Health:
        """Return what /health can say. `node.health = None` lets it hang."""
        return Health(
            status="ok" if accepting else "degraded",
            cpu_percent=1.0,
            memory_available_mb=8000.0,
            model=MODEL,
            accepting=accepting,
            reason=reason,
            state="loading" if loading else "ready",
        )

    async def start(self) -> None:
        """Listen; the first time on a free port, afterwards on the same one."""
        self._server = await asyncio.start_server(
            self._connected, "127.0.0.1", self.port, ssl=self.tls
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def die(self) -> None:
        """Vanish, as a process that was killed does."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task, writer in list(self._connections.items()):
            writer.transport.abort()
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def next_request(self) -> InferenceRequest:
        """Wait for the next inference request that this was not called for yet."""
        return await asyncio.wait_for(self._arrived.get(), WAIT_S)

    async def next_cancellation(self) -> InferenceRequest:
        """Wait until a client has gone before its answer was complete."""
        return await asyncio.wait_for(self._cancelled.get(), WAIT_S)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self.die()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = writer
        try:
            while (exchange := await read_exchange(reader, writer)) is not None:
                if not await self._answer_or_notice(exchange, reader):
                    return
        except asyncio.CancelledError:
            return  # by `die`; asyncio's streams would log it
        finally:
            del self._connections[task]
            writer.close()

    async def _answer_or_notice(self, exchange: Exchange, reader: asyncio.StreamReader) -> bool:
        """Answer, watching for the client's end; return whether the connection is still good."""
        answering = asyncio.create_task(self._answer(exchange))
        leaving = asyncio.create_task(reader.read(1))  # no pipelining: what comes is the end
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
            return not leaving.done() and not exchange.writer.is_closing()
        finally:
            if leaving.done():
                exchange.client_gone.set()
            for task in (answering, leaving):
                task.cancel()
            await asyncio.gather(answering, leaving, return_exceptions=True)

    async def _answer(self, exchange: Exchange) -> None:
        with contextlib.suppress(ConnectionError):
            match exchange.method, exchange.path:
                case "GET", "/health":
                    await self._answer_health(exchange)
                case _ if self.key is not None and exchange.headers.get("x-api-key") != self.key:
                    error = {"code": "unauthorized", "message": "the key is wrong"}
                    await exchange.answer_json({"error": error}, 401)
                case "GET", "/v1/models":
                    models = ModelList(models=self.models)
                    await exchange.answer_json(models.model_dump())
                case "POST", "/v1/inference":
                    await self._infer(exchange)
                case _:
                    await exchange.answer_json({"error": {"code": "?", "message": "?"}}, 404)

    async def _answer_health(self, exchange: Exchange) -> None:
        self.probes += 1
        if self.health is None:
            await exchange.client_gone.wait()
        else:
            await exchange.answer_json(self.health.model_dump())

    async def _infer(self, exchange: Exchange) -> None:
        try:
            asked = InferenceRequest.model_validate_json(exchange.body)
        except ValidationError as error:
            detail = {"code": "invalid-request", "message": str(error)}
            await exchange.answer_json({"error": detail}, 400)
            return
        self.requests.append(asked)
        self._arrived.put_nowait(asked)
        self.running += 1
        try:
            await self.behaviour(exchange, asked)
        except ConnectionError:
            exchange.client_gone.set()
            raise
        finally:
            self.running -= 1
            if exchange.client_gone.is_set():
                self._cancelled.put_nowait(asked)

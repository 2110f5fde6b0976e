"""Engines that somebody else runs, spoken to over HTTP: what all of them have in common.

state     connected   refused   connection lost   unload
stopped   ready       failed    -                 -
loading   ready       failed    -                 stopped
failed    ready       failed    -                 stopped
ready     -           -         loading           stopped

After a refusal and after a loss, connecting is tried again by itself, less and less often.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

import httpx

from cerebrum_kit.backoff import Backoff
from cerebrum_kit.errors import CerebrumError
from cerebrum_kit.logs import event
from node_backend.engines.answers import only_code
from node_backend.engines.base import (
    EngineEvent,
    EngineState,
    EngineStatus,
    Order,
    SlotState,
)
from node_backend.engines.hosted_http import lines_of, open_client
from node_backend.engines.hosted_session import NONSENSE, Connect, Exchange, Session
from node_backend.errors import EngineFailedError, ModelFailedError

UNLOAD_TIMEOUT_S = 5.0  # a server that does not take its leave in this time has no time for us

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Server:
    """Where the engine is, and how long it may take."""

    name: str
    url: str
    key: str | None
    load_timeout_s: float
    """For loading, and for the first word of an answer, before which a model may be loaded."""
    stall_timeout_s: float
    """Between two words of an answer."""


class HostedEngine:
    """One model on a server that somebody else runs."""

    def __init__(
        self, server: Server, connect: Connect, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = server.name
        self._server = server
        self._connect = connect
        self._clock = clock
        self._state: EngineState = "stopped"
        self._failure: str | None = None
        self._http: httpx.AsyncClient | None = None
        self._session: Session | None = None
        self._connecting = asyncio.Lock()
        self._is_wanted = False
        self._backoff = Backoff()
        self._again: asyncio.Task[None] | None = None

    @property
    def status(self) -> EngineStatus:
        """What is known of the engine right now."""
        return EngineStatus(
            state=self._state,
            failure=self._failure,
            context_tokens=self._session.context_tokens if self._session else None,
            has_fim=self._session.has_fim if self._session else None,
            has_chat=self._session.has_chat if self._session else None,
        )

    async def load(self) -> None:
        """Reach the server and have it load the model. Raises ModelFailedError."""
        await self._ready()

    async def unload(self) -> None:
        """Have the server unload the model, if it takes that from us, and leave it."""
        self._is_wanted = False
        again, self._again = self._again, None
        if again is not None:
            again.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await again
        session, self._session = self._session, None
        http, self._http = self._http, None
        self._state, self._failure = "stopped", None
        try:
            if session is not None:
                with contextlib.suppress(httpx.HTTPError, TimeoutError):
                    async with asyncio.timeout(UNLOAD_TIMEOUT_S):
                        await session.close()
        finally:
            if http is not None:
                await http.aclose()

    async def slots(self) -> list[SlotState]:
        """Return nothing: these servers show no slots."""
        return []

    async def generate(self, order: Order) -> AsyncGenerator[EngineEvent, None]:
        """Generate; see `Engine.generate`. Closing it closes the connection, and so ends it."""
        session, http = await self._ready()
        exchange = session.exchange(order)
        events = self._events(session, http, exchange)
        async with aclosing(only_code(events, order) if exchange.is_instruct else events) as shown:
            async for each in shown:
                yield each

    async def _events(
        self, session: Session, http: httpx.AsyncClient, exchange: Exchange
    ) -> AsyncGenerator[EngineEvent, None]:
        try:
            async with http.stream("POST", exchange.path, json=exchange.body) as answer:
                if answer.status_code != httpx.codes.OK:
                    await answer.aread()
                    raise session.refusal(answer)
                server = self._server
                lines = lines_of(answer, server.load_timeout_s, server.stall_timeout_s)
                async with aclosing(lines), aclosing(session.read(lines)) as events:
                    async for each in events:
                        yield each
        except (TimeoutError, httpx.TimeoutException) as error:
            raise EngineFailedError(f"{self.name} fell silent") from error
        except httpx.TransportError as error:
            self._lost(session)
            raise EngineFailedError(f"{self.name} failed ({type(error).__name__})") from error
        except NONSENSE as error:
            raise EngineFailedError(f"{self.name}'s answer can't be understood") from error

    async def _ready(self) -> tuple[Session, httpx.AsyncClient]:
        self._is_wanted = True
        async with self._connecting:
            if self._session is None:
                if wait_s := self._wait_s():
                    raise ModelFailedError(self._failure or "it failed", retry_after_s=wait_s)
                await self._try()
            assert self._session is not None  # noqa: S101 - otherwise _try has raised
            assert self._http is not None  # noqa: S101 - likewise
            return self._session, self._http

    def _wait_s(self) -> float:
        """Return how long not to try again: nothing but the clock could have changed by then."""
        return self._backoff.wait_s(self._clock()) if self._state == "failed" else 0.0

    async def _try(self) -> None:
        """Connect, or take note of the failure and try again later."""
        if self._state != "failed":
            self._state = "loading"
        self._http = self._http or open_client(
            self._server.url, self._server.key, self._server.load_timeout_s
        )
        started_at = self._clock()
        try:
            async with asyncio.timeout(self._server.load_timeout_s):
                session = await self._connect(self._http)
        except (CerebrumError, httpx.HTTPError, TimeoutError, *NONSENSE) as error:
            self._backoff.on_end(started_at, self._clock(), was_ready=False)
            raise self._failed(error) from error
        except BaseException:
            self._state = "failed" if self._failure else "stopped"
            raise
        if not self._is_wanted:
            self._state = "stopped"
            raise ModelFailedError("it was unloaded while it was loading")
        self._session, self._state = session, "ready"
        self._failure, self._backoff = None, Backoff()
        log.info(event("engine.ready", engine=self.name, context=session.context_tokens))

    def _failed(self, error: Exception) -> ModelFailedError:
        if not self._is_wanted:
            self._state = "stopped"
            return ModelFailedError("it was unloaded while it was loading")
        self._state, self._failure = "failed", self._reason(error)
        log.warning(event("engine.failed", engine=self.name, error=self._failure))
        if self._again is None:
            self._again = asyncio.create_task(self._try_again(), name=f"reconnect {self.name}")
        return ModelFailedError(self._failure, retry_after_s=self._wait_s())

    def _reason(self, error: Exception) -> str:
        match error:
            case CerebrumError(message=message):
                return message
            case TimeoutError() | httpx.TimeoutException():
                return f"{self.name} did not get the model ready in time"
            case httpx.HTTPError():
                return f"{self.name} does not answer at {self._server.url}"
            case _:
                return f"what answers at {self._server.url} does not speak as {self.name} does"

    async def _try_again(self) -> None:
        """Go on trying until it works, so that nobody has to ask for that."""
        while self._session is None:
            await asyncio.sleep(self._backoff.wait_s(self._clock()))
            async with self._connecting:
                if self._session is None:
                    with contextlib.suppress(ModelFailedError):
                        await self._try()
        self._again = None

    def _lost(self, session: Session) -> None:
        """Forget a session whose connection broke, and begin to connect again."""
        if self._session is not session or not self._is_wanted:
            return
        self._session, self._state = None, "loading"
        if self._again is None:
            self._again = asyncio.create_task(self._try_again(), name=f"reconnect {self.name}")

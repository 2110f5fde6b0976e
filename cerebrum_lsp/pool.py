"""HTTP client of the orchestrator: requests go out, typed events come in."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Protocol

import httpx
from httpx_sse import EventSource, ServerSentEvent
from pydantic import ValidationError

from cerebrum_kit.wire import ErrorBody, ProgressEvent, StreamError, TokenEvent
from cerebrum_lsp.config import PoolAddress
from cerebrum_lsp.direct import DirectTransport
from cerebrum_lsp.errors import PoolRefusalError, PoolUnreachableError
from orchestrator.wire import (
    AdmissionEvent,
    CompleteRequest,
    DoneEvent,
    NodeStatus,
    RouteEvent,
    StateEvent,
)

CompletionEvent = RouteEvent | ProgressEvent | TokenEvent | DoneEvent | StreamError
PoolEvent = StateEvent | NodeStatus | AdmissionEvent

CONNECT_TIMEOUT_S = 5.0  # a pool across a slow VPN answers a handshake within this
SILENCE_TIMEOUT_S = 45.0  # three missed keep-alives: the connection is dead


class Addresses(Protocol):
    """Knows where the pool is; may start one."""

    async def current(self) -> PoolAddress:
        """Return the address; raises DaemonError when there is no pool to be had."""
        ...

    def forget(self) -> None:
        """Take note that nobody answers at the address: the next `current` looks again."""
        ...


class Pool:
    """A client of one orchestrator; `close` ends its connections."""

    def __init__(
        self, addresses: Addresses, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._addresses = addresses
        timeout = httpx.Timeout(SILENCE_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
        # The pool is the owner's own machine: a proxy from the environment has no business here.
        self._http = httpx.AsyncClient(
            timeout=timeout, trust_env=False, transport=transport or DirectTransport()
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def complete(self, request: CompleteRequest) -> AsyncGenerator[CompletionEvent, None]:
        """Yield the events of one completion; closing the iterator cancels it on the node.

        A pool that was gone when we asked is looked for (or started) again once. Raises
        PoolUnreachableError or PoolRefusalError.
        """
        body = request.model_copy(update={"stream": True}).model_dump(exclude_none=True)
        for is_last_try in (False, True):
            heard = False
            try:
                async with aclosing(self._stream("POST", "/v1/complete", body)) as events:
                    async for event in events:
                        heard = True
                        yield _completion_event(event)
                return
            except PoolUnreachableError:
                self._addresses.forget()
                if heard or is_last_try:
                    raise

    async def states(self) -> AsyncGenerator[PoolEvent, None]:
        """Yield the pool's whole state, then each change of it, until the connection ends.

        Raises PoolUnreachableError or PoolRefusalError.
        """
        try:
            async with aclosing(self._stream("GET", "/v1/events", None)) as events:
                async for event in events:
                    if event.event == "state":
                        yield StateEvent.model_validate_json(event.data)
                    elif event.event == "node":
                        yield NodeStatus.model_validate_json(event.data)
                    elif event.event == "admission":
                        yield AdmissionEvent.model_validate_json(event.data)
        except PoolUnreachableError:
            self._addresses.forget()
            raise

    async def _stream(
        self, method: str, path: str, body: object | None
    ) -> AsyncGenerator[ServerSentEvent, None]:
        address = await self._addresses.current()
        headers = {"Accept": "text/event-stream"}
        if address.key:
            headers["X-API-Key"] = address.key
        try:
            async with self._http.stream(
                method, address.url + path, json=body, headers=headers
            ) as response:
                if response.status_code != httpx.codes.OK:
                    raise await _refusal(response)
                async for event in EventSource(response).aiter_sse():
                    yield event
        except httpx.HTTPError as error:
            raise PoolUnreachableError(
                f"the pool at {address.url} can't be reached ({type(error).__name__})"
            ) from error


def _completion_event(event: ServerSentEvent) -> CompletionEvent:
    try:
        fields = json.loads(event.data)
        if event.event == "route":
            return RouteEvent.model_validate(fields)
        if event.event == "progress":
            return ProgressEvent.model_validate(fields)
        if "token" in fields:
            return TokenEvent.model_validate(fields)
        if "error" in fields:
            return StreamError.model_validate(fields)
        return DoneEvent.model_validate(fields)
    except (ValueError, TypeError) as error:
        raise PoolUnreachableError("the pool answered in a form that can't be read") from error


async def _refusal(response: httpx.Response) -> PoolRefusalError:
    try:
        detail = ErrorBody.model_validate_json(await response.aread()).error
    except ValidationError:
        code = str(response.status_code)
        return PoolRefusalError(code, f"the pool answered with HTTP status {code}")
    return PoolRefusalError(detail.code, detail.message, detail.retry_after_s)

"""The HTTP client of one node: typed events in, typed errors out."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from cerebrum_kit.connection import Connection, HttpError, NotConnectedError
from cerebrum_kit.errors import CerebrumError, InvalidRequestError, TooLargeError
from cerebrum_kit.wire import ErrorBody, ErrorDetail, ProgressEvent, StreamError, TokenEvent
from node_backend.wire import DoneEvent, Health, InferenceRequest, ModelInfo, ModelList
from orchestrator.core.event_stream import EventStream
from orchestrator.core.prediction import Allowance
from orchestrator.errors import (
    LoadShedError,
    NodeFailedError,
    NodeLostError,
    NodeUnauthorizedError,
    NodeUnreachableError,
    UnknownModelError,
)
from orchestrator.node_http import Answer, NodeHttp

LAST_BYTES_S = 0.25  # after the last event: the rest of the body, so that the connection can stay

DATA: TypeAdapter[TokenEvent | StreamError | DoneEvent] = TypeAdapter(
    Annotated[TokenEvent | StreamError | DoneEvent, Field(union_mode="left_to_right")]
)


@dataclass(frozen=True)
class Accepted:
    """The node has taken the request."""


NodeEvent = Accepted | TokenEvent | ProgressEvent | DoneEvent


class NodeClient:
    """Speaks to the node `name` at `url`; `key_accepted` is what the node last said of the key."""

    def __init__(self, http: NodeHttp, name: str, url: str, key: str | None) -> None:
        self.name = name
        self.url = url.rstrip("/")
        self._http = http
        self.key_accepted = False
        self._headers = {"X-API-Key": key} if key else {}

    async def health(self, timeout_s: float) -> Health:
        """Ask whether a request sent now would be taken.

        Raises NodeUnreachableError or NodeFailedError.
        """
        response = await self._get("/health", timeout_s)
        try:
            return Health.model_validate_json(response.body)
        except ValidationError:
            raise NodeFailedError(
                f"{self.name} answers {response.status}, not as a node does"
            ) from None

    async def models(self, timeout_s: float) -> tuple[ModelInfo, ...]:
        """Ask which models the node can run.

        Raises NodeUnauthorizedError if it does not accept the key, NodeUnreachableError.
        """
        response = await self._get("/v1/models", timeout_s)
        if response.status in (401, 403):
            raise self._unauthorized()
        self.key_accepted = True
        try:
            return tuple(ModelList.model_validate_json(response.body).models)
        except ValidationError:
            return ()

    async def infer(
        self, request: InferenceRequest, allowance: Allowance
    ) -> AsyncGenerator[NodeEvent, None]:
        """Run `request`: `Accepted`, then progress and tokens, then the node's done event.

        To close the generator closes the connection, which frees the node's slot. Raises
        NodeUnreachableError, NodeUnauthorizedError, LoadShedError, NodeFailedError (when the
        node is silent for longer than `allowance` has it, or takes longer in all), or what is
        wrong with the request itself.
        """
        loop = asyncio.get_running_loop()
        ends_at, silence_s = loop.time() + allowance.total_s, allowance.first_token_s
        async with aclosing(self._exchange(request)) as events:
            while True:
                try:
                    async with asyncio.timeout_at(min(loop.time() + silence_s, ends_at)):
                        event = await anext(events, None)
                except TimeoutError:
                    raise self._failed(_too_slow(loop.time() >= ends_at, silence_s)) from None
                except HttpError as error:
                    raise self._translated(error) from error
                if event is None:
                    return
                if isinstance(event, TokenEvent):
                    silence_s = allowance.between_tokens_s
                yield event

    async def _exchange(self, request: InferenceRequest) -> AsyncGenerator[NodeEvent, None]:
        headers = {**self._headers, "Content-Type": "application/json"}
        body = request.model_dump_json(exclude_none=True).encode()
        async with self._http.post(f"{self.url}/v1/inference", headers, body) as response:
            if response.status != HTTPStatus.OK:
                raise self._refused(response, await response.rest())
            if not response.headers.get("content-type", "").startswith("text/event-stream"):
                raise self._failed("answered with something that is no event stream")
            yield Accepted()
            stream = EventStream()
            while chunk := await response.read():
                for name, data in stream.feed(chunk):
                    event = self._parse(name, data)
                    yield event
                    if isinstance(event, DoneEvent):
                        await _finish(response)
                        return
            raise NodeLostError(f"{self.name} ended its stream in the middle")

    def _parse(self, name: str, data: str) -> TokenEvent | ProgressEvent | DoneEvent:
        try:
            if name == "progress":
                return ProgressEvent.model_validate_json(data)
            event = DATA.validate_json(data)
        except ValidationError:
            raise self._failed("sent an event that can't be understood") from None
        if isinstance(event, StreamError):
            raise self._failed(f"failed ({event.error}): {event.message}")
        return event

    async def _get(self, path: str, timeout_s: float) -> Answer:
        try:
            async with asyncio.timeout(timeout_s):
                return await self._http.get(self.url + path, self._headers)
        except TimeoutError:
            raise NodeUnreachableError(
                f"{self.name} does not answer within {timeout_s:.0f} s"
            ) from None
        except HttpError as error:
            raise NodeUnreachableError(f"{self.name} can't be reached: {_words(error)}") from error

    def _refused(self, response: Connection, body: bytes) -> CerebrumError:
        detail = _detail(body)
        words = detail.message if detail else f"status {response.status}"
        match response.status:
            case 401 | 403:
                return self._unauthorized()
            case 404:
                return UnknownModelError(words)
            case 413:
                return TooLargeError(words)
            case 429 | 503:
                retry_after_s = detail.retry_after_s if detail else None
                return LoadShedError(
                    f"{self.name} refuses: {words}",
                    retry_after_s=retry_after_s or _retry_after_s(response),
                )
            case status if 400 <= status < 500:
                return InvalidRequestError(words)
            case _:
                return self._failed(f"failed: {words}")

    def _translated(self, error: HttpError) -> CerebrumError:
        if isinstance(error, NotConnectedError):
            return NodeUnreachableError(f"{self.name} can't be reached: {_words(error)}")
        return NodeLostError(f"{self.name} broke the connection: {_words(error)}")

    def _failed(self, what: str) -> NodeFailedError:
        return NodeFailedError(f"{self.name} {what}")

    def _unauthorized(self) -> NodeUnauthorizedError:
        self.key_accepted = False
        return NodeUnauthorizedError(f"{self.name} does not accept the key it was given")


def _too_slow(is_over: bool, silence_s: float) -> str:
    return "did not come to an end" if is_over else f"was silent for {silence_s:.0f} s"


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


def _detail(body: bytes) -> ErrorDetail | None:
    try:
        return ErrorBody.model_validate_json(body).error
    except ValidationError:
        return None


def _retry_after_s(response: Connection) -> float | None:
    header = response.headers.get("retry-after", "")
    return float(header) if header.isdigit() else None


async def _finish(response: Connection) -> None:
    """Read an answer to its end, so that its connection can be kept."""
    with contextlib.suppress(TimeoutError, HttpError):  # the answer is complete all the same
        async with asyncio.timeout(LAST_BYTES_S):
            await response.rest()

"""HTTP edges that both services have: errors become JSON here, bodies are bounded, keys checked."""

import asyncio
import hmac
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from typing import TypeVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cerebrum_kit.errors import CerebrumError, TooLargeError, UnauthorizedError
from cerebrum_kit.logs import event
from cerebrum_kit.wire import ErrorBody, ErrorDetail

T = TypeVar("T")
log = logging.getLogger(__name__)


def error_response(error: CerebrumError) -> JSONResponse:
    """Return the wire's JSON for an error, with `Retry-After` where it has one."""
    detail = ErrorDetail(
        code=error.code,
        message=error.message,
        retry_after_s=error.retry_after_s,
        details=error.details,
    )
    headers = {}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
    body = ErrorBody(error=detail).model_dump(exclude_none=True)
    return JSONResponse(body, status_code=error.status, headers=headers)


def _plain(code: str, message: str, status: int) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message}}, status_code=status)


def words_of(error: Mapping[str, object]) -> str:
    """Return one of pydantic's errors in words; before ours it puts the exception's name."""
    return str(error.get("msg")).removeprefix("Value error, ")


def describe_validation(errors: Sequence[object]) -> str:
    """Say what is wrong and where, without repeating what was sent: it may be source code."""
    parts = []
    for error in errors[:5]:
        if isinstance(error, dict):
            where = ".".join(str(step) for step in error.get("loc", ()) if step != "body")
            words = words_of(error)
            parts.append(f"{where}: {words}" if where else words)
    return "; ".join(parts) or "the request could not be understood"


def install_error_handlers(app: FastAPI) -> None:
    """Make every failure of `app` answer in the wire's shape, with no traceback and no input."""

    async def known(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, CerebrumError)  # noqa: S101 - registered for this type only
        return error_response(error)

    async def invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
        return _plain("invalid-request", describe_validation(error.errors()), 400)

    async def http(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)  # noqa: S101 - as above
        phrase = HTTPStatus(error.status_code).phrase
        if error.status_code == HTTPStatus.BAD_REQUEST:  # a body that is no UTF-8, for example
            return _plain("invalid-request", "the request could not be understood", 400)
        return _plain(phrase.lower().replace(" ", "-"), phrase, error.status_code)

    async def unexpected(_: Request, error: Exception) -> JSONResponse:
        log.error(event("request.crashed", error=type(error).__name__))
        return _plain("internal", "an internal error; the service's log has more", 500)

    app.add_exception_handler(CerebrumError, known)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, unexpected)


class KeyCheck:
    """A FastAPI dependency that demands the key (`X-API-Key` or bearer), if there is one."""

    def __init__(self, key: str | None) -> None:
        self._key = key.encode() if key else None

    async def __call__(self, request: Request) -> None:
        """Raise `UnauthorizedError` unless the request carries the key (constant-time compare).

        Async, because FastAPI sends what is not to a thread.
        """
        if self._key is None:
            return
        given = request.headers.get("x-api-key") or _bearer(request.headers.get("authorization"))
        if given is None:
            raise UnauthorizedError("a key is required: send it as X-API-Key or as a bearer token")
        if not hmac.compare_digest(given.encode(), self._key):
            raise UnauthorizedError("the key is wrong")


def _bearer(header: str | None) -> str | None:
    if header is None:
        return None
    scheme, _, value = header.partition(" ")
    return value.strip() if scheme.lower() == "bearer" else None


class BodyLimit:
    """Pure ASGI middleware that answers 413 to a body over `limit_bytes`, as soon as it is over.

    It reads the body itself: an exception raised while a framework reads one becomes a 400 there.
    """

    def __init__(self, app: ASGIApp, limit_bytes: int) -> None:
        self._app = app
        self._limit_bytes = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with its body already read."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = None if self._declares_too_much(scope) else await self._read(receive)
        if body is not None:
            await self._app(scope, _replayed(body, receive), send)
            return
        error = TooLargeError(f"the body is larger than {self._limit_bytes} bytes")
        await error_response(error)(scope, receive, send)

    def _declares_too_much(self, scope: Scope) -> bool:
        declared = dict(scope["headers"]).get(b"content-length", b"")
        return declared.isdigit() and int(declared) > self._limit_bytes

    async def _read(self, receive: Receive) -> bytes | None:
        """Return the whole body, None if it is over the limit."""
        body = bytearray()
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self._limit_bytes:
                return None
        return bytes(body)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that hands out `body` first, and then what really comes."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay


async def until_disconnect(request: Request, work: Coroutine[object, object, T]) -> T:
    """Await `work`, but cancel it as soon as the client goes away.

    A plain handler is not cancelled by a disconnect, so its work would run on for nobody.
    Raises asyncio.CancelledError when the client went first.
    """
    try:
        async with while_connected(partial(disconnection, request.receive)):
            return await work
    except ClientGoneError:
        raise asyncio.CancelledError from None


class ClientGoneError(Exception):
    """Nobody is there any more to be answered."""


@asynccontextmanager
async def while_connected(
    gone: Callable[[], Coroutine[object, object, None]],
) -> AsyncIterator[None]:
    """Cancel what is done within as soon as `gone` returns, and raise ClientGoneError then."""
    try:
        async with asyncio.timeout(None) as presence:

            async def watch() -> None:
                await gone()
                presence.reschedule(asyncio.get_running_loop().time())

            watching = asyncio.create_task(watch(), name="client")
            try:
                yield
            finally:
                watching.cancel()
    except TimeoutError:
        if presence.expired():
            raise ClientGoneError from None
        raise


async def disconnection(receive: Receive) -> None:
    """Return when the client has gone away."""
    while (await receive())["type"] != "http.disconnect":
        pass

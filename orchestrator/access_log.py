"""One line for each request that does work: method, path, status, seconds.

    POST /v1/complete 200 1.234 s

The seconds are the last but one word, so that `awk '{print $(NF-1)}'` finds them. What only looks
(GET) is not logged: a dashboard that asks every second would wear out a memory card.
"""

import logging
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_PATH_CHARS = 100
UNANSWERED = 499  # the client left before there was an answer

log = logging.getLogger(__name__)


class AccessLog:
    """Pure ASGI middleware; a stream is logged when it ends."""

    def __init__(self, app: ASGIApp, clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        status = UNANSWERED
        begun_at = self._clock()

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sent)
        finally:
            elapsed_s = self._clock() - begun_at
            log.info("POST %s %d %.3f s", _path(scope), status, elapsed_s)


def _path(scope: Scope) -> str:
    """Return the path as it was sent: percent-encoded, so that it can't break the line."""
    raw: bytes = scope.get("raw_path") or b"/"
    return raw.decode("ascii", "replace")[:MAX_PATH_CHARS]

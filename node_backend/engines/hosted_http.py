"""HTTP as hosted engines need it: one client, and answers line by line with a bounded wait."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

import httpx

CONNECT_TIMEOUT_S = 5.0
MAX_LINE_BYTES = 1 << 20  # a token takes some hundred bytes; what is longer is no stream of tokens


def open_client(url: str, key: str | None, read_timeout_s: float) -> httpx.AsyncClient:
    """Return a client for paths below `url`; the caller closes it."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.AsyncClient(
        base_url=url,
        headers=headers,
        timeout=httpx.Timeout(read_timeout_s, connect=CONNECT_TIMEOUT_S),
        trust_env=False,  # a proxy that the environment names must not see source code
    )


async def lines_of(
    answer: httpx.Response, first_timeout_s: float, next_timeout_s: float
) -> AsyncGenerator[str, None]:
    r"""Yield the lines of an answer. Raises TimeoutError, httpx.TransportError, ValueError.

    Only \n ends a line, unlike in httpx, whose lines also end at characters that JSON may contain.
    """
    pending = b""
    timeout_s = first_timeout_s
    received = cast("AsyncGenerator[bytes, None]", answer.aiter_bytes())
    async with aclosing(received) as chunks:
        while True:
            async with asyncio.timeout(timeout_s):
                chunk = await anext(chunks, b"")
            if not chunk:
                break
            timeout_s = next_timeout_s
            *lines, pending = (pending + chunk).split(b"\n")
            if len(pending) > MAX_LINE_BYTES:
                raise ValueError("a line has no end")
            for line in lines:
                yield line.decode().rstrip("\r")
    if pending:
        yield pending.decode()

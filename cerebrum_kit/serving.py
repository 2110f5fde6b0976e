"""Run an ASGI app until a signal, the end of the lifeline, or its own wish ends it."""

import asyncio
import contextlib
import errno
import ipaddress
import json
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from cerebrum_kit import lifeline
from cerebrum_kit.errors import CerebrumError

GRACEFUL_SHUTDOWN_S = 5
SEND_TIMEOUT_S = 30.0
"""A client that takes nothing of what it is sent for this long loses its connection, and what it
holds here. A network that loses packets recovers sooner."""


class UnguardedBindError(CerebrumError):
    """The service was told to listen beyond this machine without a key."""

    code = "unguarded-bind"


class PortInUseError(CerebrumError):
    """Another process listens on the port."""

    code = "port-in-use"


class TlsFilesError(CerebrumError):
    """The certificate and key can't be used."""

    code = "tls-files"


@dataclass(frozen=True)
class Tls:
    """A certificate (with those that vouch for it, if need be) and its key, as PEM files."""

    certificate: Path
    key: Path

    def check(self) -> None:
        """Raise TlsFilesError unless they can be used, together and without a pass phrase."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            for path in (self.certificate, self.key):
                path.open("rb").close()
            context.load_cert_chain(self.certificate, self.key, password=lambda: b"")
        except OSError as error:  # as which SSL's own errors come, too
            raise TlsFilesError(
                f"can't serve TLS with {self.certificate} and {self.key}: {_tls_fault(error)}"
            ) from error


def _tls_fault(error: OSError) -> str:
    if not isinstance(error, ssl.SSLError):
        return f"{error.filename} can't be read: {error.strerror}"
    if error.reason == "KEY_VALUES_MISMATCH":
        return "the key is another certificate's"
    return "they have to be PEM files, a certificate and its key without a pass phrase"


def require_guard(host: str, key: str | None) -> None:
    """Raise UnguardedBindError unless `host` is loopback or there is a key."""
    if key or is_loopback(host):
        return
    raise UnguardedBindError(
        f"refusing to listen on {host} without a key: anyone who reaches that address could use "
        "this machine; set a key, or listen on 127.0.0.1"
    )


def is_loopback(host: str) -> bool:
    """Whether `host` names this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def announce(**facts: object) -> None:
    """Tell the parent, in one line of JSON on stdout, what it waits to know."""
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


class _Server(uvicorn.Server):
    """A uvicorn server that says when it listens."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_started()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn would raise the signal again after its end, and so end us before we cleaned up.
        yield


async def serve(
    app: ASGIApp,
    host: str,
    port: int,
    *,
    on_started: Callable[[int], None],
    stop: asyncio.Event,
    tls: Tls | None = None,
) -> None:
    """Serve `app` on `host:port` (0: any free port) until `stop` is set or a signal arrives.

    `on_started` gets the bound port. Raises PortInUseError if the port is taken, TlsFilesError.
    """
    if tls is not None:
        tls.check()
    listener = listen(host, port)
    bound_port = listener.getsockname()[1]
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_S,
        lifespan="on",
        ws="none",
        ssl_certfile=tls.certificate if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )
    server = _Server(config, lambda: on_started(bound_port))

    async def end_when_told() -> None:
        await stop.wait()
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    if lifeline.is_on_lifeline():
        lifeline.watch(lambda: loop.call_soon_threadsafe(stop.set))
    ending = asyncio.create_task(end_when_told())
    try:
        await server.serve(sockets=[listener])
    finally:
        ending.cancel()
        listener.close()


def listen(host: str, port: int, send_timeout_s: float = SEND_TIMEOUT_S) -> socket.socket:
    """Return a socket that listens on `host:port` (0: any). Raises PortInUseError.

    Whoever connects and takes nothing for `send_timeout_s` of what is sent to it is cut off.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise PortInUseError(f"can't listen on {host}:{port}: {_bind_fault(error)}") from error
    # asyncio sets this only on sockets whose protocol was named, and `create_server` names none:
    # without it the second half of each answer waits 40 ms for the first to be acknowledged.
    # Connections inherit it.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    timeout_ms = round(send_timeout_s * 1000)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, timeout_ms)
    return listener


def _bind_fault(error: OSError) -> str:
    """Say what was wrong and what to change."""
    reason, _, _ = str(error.strerror).partition(" (while ")  # the address once more
    is_address = error.errno == errno.EADDRNOTAVAIL or (error.errno or 0) < 0  # the resolver's own
    other = "an address of this machine with --host" if is_address else "another port with --port"
    return f"{reason}; choose {other}"

"""How a service listens."""

import socket

import pytest

from cerebrum_kit.serving import PortInUseError, UnguardedBindError, listen, require_guard


def test_connections_send_at_once() -> None:
    """Otherwise the second half of every answer waits 40 ms for the first one's receipt."""
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_port_that_is_taken_is_an_error_that_says_what_to_do() -> None:
    with listen("127.0.0.1", 0) as listener, pytest.raises(PortInUseError, match="--port"):
        listen("127.0.0.1", listener.getsockname()[1])


@pytest.mark.parametrize("host", ["203.0.113.9", "no-such-host.invalid"])  # kept for such uses
def test_an_address_that_this_machine_does_not_have_is_said(host: str) -> None:
    with pytest.raises(PortInUseError) as caught:
        listen(host, 9000)
    message = caught.value.message
    assert message.startswith(f"can't listen on {host}:9000: ")
    assert message.count(host) == 1
    assert "--host" in message
    assert "--port" not in message


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_this_machine_needs_no_key(host: str) -> None:
    require_guard(host, None)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org"])  # noqa: S104
def test_others_need_a_key(host: str) -> None:
    require_guard(host, "key")
    for none in (None, ""):
        with pytest.raises(UnguardedBindError, match="without a key"):
            require_guard(host, none)

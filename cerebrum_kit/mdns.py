"""How a node is found on a local network without its address: multicast DNS (RFC 6762, 6763).

An extra (`pip install cerebrum[discovery]`), and only where it is switched on. To be found gives
nobody anything: a node beyond its own machine wants a key.
"""

import contextlib
import ipaddress
import socket
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from cerebrum_kit.errors import CerebrumError

if TYPE_CHECKING:
    from zeroconf.asyncio import AsyncZeroconf

SERVICE = "_cerebrum-node._tcp.local."


class NoDiscoveryError(CerebrumError):
    """The extra is not installed."""

    code = "no-discovery"


def require_mdns() -> None:
    """Raise NoDiscoveryError unless the extra is installed."""
    try:
        import zeroconf  # noqa: F401, PLC0415 - an extra
    except ImportError:
        raise NoDiscoveryError(
            "finding nodes by mDNS needs the extra: pip install 'cerebrum[discovery]'"
        ) from None


def open_mdns(interfaces: Sequence[str] = ()) -> "AsyncZeroconf":
    """Return a responder on `interfaces`, by address (none: all)."""
    from zeroconf import InterfaceChoice  # noqa: PLC0415 - an extra, and 10 MB
    from zeroconf.asyncio import AsyncZeroconf  # noqa: PLC0415

    return AsyncZeroconf(interfaces=list(interfaces) or InterfaceChoice.All)


@contextlib.asynccontextmanager
async def advertised(host: str, port: int, *, scheme: str = "http") -> AsyncIterator[None]:
    """Tell the local network of a node that listens on `host` (0.0.0.0: on all), until the end."""
    from zeroconf import ServiceInfo  # noqa: PLC0415 - an extra

    is_everywhere = host in {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound
    own = [] if is_everywhere else [socket.gethostbyname(host)]
    mdns = open_mdns(own)
    addresses = own or _own_addresses()
    info = ServiceInfo(
        SERVICE,
        f"{socket.gethostname()}-{port}.{SERVICE}",
        port=port,
        parsed_addresses=addresses,
        properties={"scheme": scheme},
    )
    try:
        await mdns.async_register_service(info, allow_name_change=True)
        yield
    finally:
        await mdns.async_unregister_all_services()
        await mdns.async_close()


def _own_addresses() -> list[str]:
    """Return the IPv4 addresses under which others reach this machine."""
    import ifaddr  # noqa: PLC0415 - zeroconf's own dependency

    every = [str(ip.ip) for adapter in ifaddr.get_adapters() for ip in adapter.ips if ip.is_IPv4]
    return [each for each in every if not ipaddress.ip_address(each).is_loopback]
